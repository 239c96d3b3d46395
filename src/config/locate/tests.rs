use super::*;

/// `line:column shape` of every node below the root, keys first.
fn shown(text: &str) -> Vec<String> {
    fn show(outline: &Outline<'_>, id: SpotId, out: &mut Vec<String>) {
        let Place { line, column } = outline.place_of(id).unwrap();
        let shape = match &outline.spots[id].shape {
            Shape::Empty => "empty".to_owned(),
            Shape::Plain(Some(range)) => format!("plain {}", outline.plain_text(range)),
            Shape::Plain(None) => "plain lines".to_owned(),
            Shape::Quoted => "quoted".to_owned(),
            Shape::Map(pairs) => format!("map {}", pairs.len()),
            Shape::List(items) => format!("list {}", items.len()),
            Shape::Alias(_) => "alias".to_owned(),
        };
        out.push(format!("{line}:{column} {shape}"));
        match &outline.spots[id].shape {
            Shape::Map(pairs) => pairs.iter().for_each(|(key, value)| {
                show(outline, *key, out);
                show(outline, *value, out);
            }),
            Shape::List(items) => items.iter().for_each(|item| show(outline, *item, out)),
            _ => {}
        }
    }
    let outline = Outline::of(text);
    let mut out = Vec::new();
    show(&outline, outline.root(), &mut out);
    out
}

#[test]
fn block_style() {
    let text = "a: 1 # c\nб: 'x # y'\nlist:\n- one\n-   два: \"2\"\n    c:\n- - x\n  -\n";
    let want = [
        "1:1 map 3",
        "1:1 plain a",
        "1:4 plain 1",
        "2:1 plain б",
        "2:4 quoted",
        "3:1 plain list",
        "4:1 list 3",
        "4:3 plain one",
        "5:5 map 2",
        "5:5 plain два",
        "5:10 quoted",
        "6:5 plain c",
        "6:7 empty",
        "7:3 list 2",
        "7:5 plain x",
        "8:4 empty",
    ];
    assert_eq!(shown(text), want);
}

#[test]
fn flow_style() {
    let text = "{a: [x, 'y', {b: c}], \"q\":1,\n  http://x/y: z, d: , e,\n  # full: [line\n  f: g\n}\n";
    let want = [
        "1:1 map 6",
        "1:2 plain a",
        "1:5 list 3",
        "1:6 plain x",
        "1:9 quoted",
        "1:14 map 1",
        "1:15 plain b",
        "1:18 plain c",
        "1:23 quoted",
        "1:27 plain 1",
        "2:3 plain http://x/y",
        "2:15 plain z",
        "2:18 plain d",
        "2:21 empty",
        "2:23 plain e",
        "2:24 empty",
        "4:3 plain f",
        "4:6 plain g",
    ];
    assert_eq!(shown(text), want);
}

#[test]
fn scalars_over_several_lines() {
    let text =
        "a: |\n  x: y\n\n  # text\nb: >-2\n    lead\n  on\nc: one\n  two\n\n  three # c\nd: \"x\n  y: z\"\ne: 1\n";
    let want = [
        "1:1 map 5",
        "1:1 plain a",
        "1:4 quoted",
        "5:1 plain b",
        "5:4 quoted",
        "8:1 plain c",
        "8:4 plain lines",
        "12:1 plain d",
        "12:4 quoted",
        "14:1 plain e",
        "14:4 plain 1",
    ];
    assert_eq!(shown(text), want);
}

#[test]
fn anchors_aliases_and_tags() {
    let text = "a: &x\n  k: !!str 007\nb: *x\n&k c: &y 5\nd: [*y, *none]\n";
    let want = [
        "1:1 map 4",
        "1:1 plain a",
        "1:4 map 1",
        "2:3 plain k",
        "2:6 quoted",
        "3:1 plain b",
        "3:4 alias",
        "4:4 plain c",
        "4:7 plain 5",
        "5:1 plain d",
        "5:4 list 2",
        "5:5 alias",
        "5:9 empty",
    ];
    assert_eq!(shown(text), want);
    let outline = Outline::of(text);
    let Shape::Map(pairs) = &outline.spot(outline.root()).unwrap().shape else { panic!("no map") };
    assert!(outline.is_shared(pairs[0].1) && !outline.is_shared(pairs[1].1));
}

#[test]
fn directives_markers_and_comments_come_before() {
    assert_eq!(shown("%YAML 1.1\n--- # c\na: 1\n...\n"), ["3:1 map 1", "3:1 plain a", "3:4 plain 1"]);
    assert_eq!(shown("# nothing\n"), ["2:1 empty"]);
}

#[test]
fn deep_nesting_is_noticed_and_nothing_else_is() {
    let deep = |levels: usize| format!("a: {}{}\n", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(Outline::of(&deep(DEPTH_LIMIT - 1)).too_deep(), None);
    let place = Place { line: 1, column: 3 + DEPTH_LIMIT };
    assert_eq!(Outline::of(&deep(DEPTH_LIMIT)).too_deep(), Some(place));
    let in_text = format!("a: '{0}'\nb: | \n  {0}\n# {0}\nc: x{0}\n", "[".repeat(500));
    assert_eq!(Outline::of(&in_text).too_deep(), None);
}

/// Whatever the text, the scanner comes to an end and places stay inside it.
#[test]
fn any_text_can_be_outlined() {
    const PIECES: [&str; 28] = [
        "a", "б: ", ": ", "- ", "-", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ",", "'", "\"", "#", " #", "|\n",
        ">2\n", "&x ", "*x", "!!str ", "? ", "\\", "---\n", "...\n", "%", "\t",
    ];
    let mut seed: u64 = 1;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..20_000 {
        let length = random(30);
        let text: String = (0..length).map(|_| PIECES[random(PIECES.len())]).collect();
        let outline = Outline::of(&text);
        for id in 0..outline.spots.len() {
            assert!(outline.spots[id].start <= text.len(), "{text:?}");
            outline.place_of(id).unwrap();
            if let Shape::Plain(Some(range)) = &outline.spots[id].shape {
                assert!(text.get(range.clone()).is_some(), "{text:?}");
            }
        }
    }
}
