use super::*;

#[test]
fn zz_errors() {
    for text in [
        "a: b: c\n",
        "a: * * *\n",
        "a: [1, 2\nb: 3\n",
        "a: 1\n\tb: 2\n",
        "a: 'x\n",
        "a: %x\n",
        "a: 1\n b: 2\n",
        "---\na: 1\n---\nb: 2\n",
        "",
        "# only\n",
        "a: !foo 1\n",
        "a: !!str 007\n",
        "a: *no\n",
        "a: &x [*x]\n",
        "- a\nb: 1\n",
        "a: @x\n",
        "a: \"\\q\"\n",
        "\u{1}: 3\n",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
    ] {
        match read(text) {
            Ok(d) => println!("{text:?}\n   ok {:?} {:?}", d.value, d.problems),
            Err(e) => println!("{text:?}\n   {}:{} {}", e.line, e.column, e.problem.message),
        }
    }
    println!("{:?}", serde_yaml::from_str::<serde_yaml::Value>("a: 1\n\tb: 2\n").unwrap_err().to_string());
    println!("{:?}", serde_yaml::from_str::<serde_yaml::Value>("a: [1, 2\nb: 3\n").unwrap_err().to_string());
    let start = std::time::Instant::now();
    println!(
        "{:?}",
        serde_yaml::from_str::<serde_yaml::Value>(&"[".repeat(100_000)).map(|_| ()).map_err(|e| e.to_string())
    );
    println!("{:?}", start.elapsed());
}
