use super::*;

/// `line:column path = value`, quoted values in quotes.
fn shown(text: &str) -> Vec<String> {
    fn show(value: &Value, path: &mut Vec<String>, marks: &Mark, out: &mut Vec<String>) {
        let Place { line, column } = marks.find(path);
        let place = format!("{line}:{column} {}", path.join("."));
        match value {
            Value::Null => out.push(format!("{place} = null")),
            Value::Scalar(Scalar { text, quoted: true }) => out.push(format!("{place} = {text:?}")),
            Value::Scalar(Scalar { text, .. }) => out.push(format!("{place} = {text}")),
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    show(item, path, marks, out);
                    path.pop();
                }
            }
            Value::Map(pairs) => {
                for (key, value) in pairs {
                    path.push(key.clone());
                    show(value, path, marks, out);
                    path.pop();
                }
            }
        }
    }
    let document = read(text).unwrap();
    assert_eq!(document.problems, []);
    let mut out = Vec::new();
    show(&document.value, &mut Vec::new(), &document.marks, &mut out);
    out
}

fn problems(text: &str) -> Vec<String> {
    match read(text) {
        Ok(document) => document.problems.iter().map(ToString::to_string).collect(),
        Err(problem) => vec![problem.to_string()],
    }
}

#[test]
fn text_is_kept_as_written_and_quotes_are_known() {
    let text = "a: 007\nb: '007'\nc: 1.10\nd: 0x1F\ne: yes\nf: \"yes\"\ng: ~\nh:\ni: 00 23 * * 0\nj: |\n  5\nk: 1e3\nl: +5\n007: 12:30\n";
    let want = [
        "1:1 a = 007",
        "2:1 b = \"007\"",
        "3:1 c = 1.10",
        "4:1 d = 0x1F",
        "5:1 e = yes",
        "6:1 f = \"yes\"",
        "7:1 g = null",
        "8:1 h = null",
        "9:1 i = 00 23 * * 0",
        "10:1 j = \"5\\n\"",
        "12:1 k = 1e3",
        "13:1 l = +5",
        "14:1 7 = 12:30",
    ];
    assert_eq!(shown(text), want);
}

#[test]
fn cyrillic_bom_crlf_and_tabs_in_comments() {
    let text = "\u{feff}имя: значение\t# табуляция\tздесь\r\nсписок: [а, 'б']\r\n# одна\tи\r\nконец: да\r\n";
    let want = ["1:1 имя = значение", "2:10 список.0 = а", "2:13 список.1 = \"б\"", "4:1 конец = да"];
    assert_eq!(shown(text), want);
}

#[test]
fn merges_give_way_to_own_keys_and_the_first_map_wins() {
    let text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  z: 3\n  <<: [*a, *b]\nd:\n  <<: *b\n  '<<': text\ne: {<<: {<<: *a, y: 5}}\n";
    let all = shown(text);
    let of = |key: &str| all.iter().filter(|line| line.contains(&format!(" {key}."))).cloned().collect::<Vec<_>>();
    assert_eq!(of("c"), ["4:3 c.z = 3", "1:8 c.x = 1", "1:14 c.y = 1"]);
    assert_eq!(of("d"), ["8:3 d.<< = text", "2:8 d.y = 2", "2:14 d.z = 2"]);
    assert_eq!(of("e"), ["9:18 e.y = 5", "1:8 e.x = 1"]);
}

#[test]
fn an_alias_stands_where_it_is_and_its_inside_where_the_anchor_is() {
    let all = shown("a: &a\n  - x\n  - {k: v}\nb: *a\nc: [*a]\n");
    assert_eq!(
        all,
        ["2:5 a.0 = x", "3:6 a.1.k = v", "2:5 b.0 = x", "3:6 b.1.k = v", "2:5 c.0.0 = x", "3:6 c.0.1.k = v"]
    );
    let document = read("a: &a {x: 1}\nb: *a\nc: {x: 1}\n").unwrap();
    let shared = |key: &str| document.marks.is_shared(&[key.to_owned()]);
    assert!(shared("a") && !shared("c"));
    let place = document.marks.find(&["b".to_owned(), "missing".to_owned()]);
    assert_eq!(place, Place { line: 2, column: 1 }, "the nearest entry around");
}

#[test]
fn duplicates_are_found_wherever_they_hide_and_once() {
    assert_eq!(problems("a: {b: 1, c: 2, b: 3}\n"), ["1:17: error: a.b: duplicate key `b` in lines 1 and 1"]);
    assert_eq!(problems("77: a\n'77': b\n"), ["2:1: error: 77: duplicate key `77` in lines 1 and 2"]);
    let shared = "a: &a\n  x: 1\n  x: 2\nb: *a\nc: [*a]\nd: {<<: *a}\n";
    assert_eq!(problems(shared), ["3:3: error: a.x: duplicate key `x` in lines 2 and 3"]);
    assert_eq!(read("a: 1\na: 2\n").unwrap().value, read("a: 1\n").unwrap().value);
}

#[test]
fn odd_keys_and_merges_are_named() {
    assert_eq!(problems("? {a: b}\n: c\n"), ["1:3: error: a key must be a single value, not a map"]);
    assert_eq!(problems("? \n: c\n"), ["1:2: error: a key is missing, or is a `null` that must be in quotes"]);
    let merge = "a:\n  <<: [x]\n  b: 1\n";
    assert_eq!(problems(merge), ["2:3: error: a.<<: `<<` must be a map or a list of maps, not a list"]);
}

#[test]
fn size_depth_and_expansion_have_limits() {
    assert_eq!(problems(&"#".repeat(SIZE_LIMIT + 1)), ["1:1: error: larger than 1024 KiB"]);
    // without the outline's look ahead the library would take minutes over this
    assert_eq!(problems(&"[".repeat(SIZE_LIMIT)), ["1:101: error: nested more than 100 levels deep"]);
    let many = format!("a: [{}]\n", "x,".repeat(100_001));
    assert_eq!(problems(&many), ["1:4: error: more than 100000 values, aliases expanded"]);
}

#[test]
fn what_is_not_utf8_has_a_place() {
    assert_eq!(decode("я: ж".as_bytes()).unwrap(), "я: ж");
    let problem = decode(b"a: 1\n\xd1\x8f: \xff\n").unwrap_err();
    assert_eq!((problem.line, problem.column), (2, 4));
}
