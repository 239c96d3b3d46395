use super::*;
use std::net::TcpListener;

/// A server that answers one request so.
fn server(answer: impl FnOnce(TcpStream) + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || answer(listener.accept().unwrap().0));
    Url::parse(&format!("http://127.0.0.1:{port}/kb/")).unwrap()
}

fn ask(url: &Url, seconds: u64) -> Ask<'_> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    Ask { url, path: "/api/si", token: Some("t0ken"), deadline, cap: 1 << 20 }
}

fn request_of(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_question_and_its_answer() {
    let (sender, received) = mpsc::channel();
    let url = server(move |mut stream| {
        sender.send(request_of(&mut stream)).unwrap();
        stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Type: text/x\r\n\r\nmoved").unwrap();
    });
    let ask = ask(&url, 30);
    let answer = get(&ask).unwrap();
    assert_eq!((answer.code, answer.content_type.as_str()), (302, "text/x"), "redirects are not followed");
    assert!(answer.asked <= answer.answered);
    assert_eq!(answer.bytes(&ask).unwrap(), b"moved");
    let request = received.recv().unwrap();
    assert!(request.starts_with("GET /kb/api/si HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    assert!(request.contains("\r\nAuthorization: Bearer t0ken\r\n"), "{request}");
}

/// One deadline for all: a server that sends a byte now and then does not prolong it.
#[test]
fn trickling_does_not_prolong_the_deadline() {
    let url = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let ask = ask(&url, 1);
    let error = get(&ask).unwrap().bytes(&ask).unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    assert_eq!(error.to_string(), format!("asking {url}/api/si: no answer in time"));
}

#[test]
fn a_server_that_never_says_anything() {
    let url = server(|stream| {
        thread::sleep(Duration::from_secs(60));
        drop(stream);
    });
    assert_eq!(get(&ask(&url, 1)).err().unwrap().to_string(), format!("asking {url}/api/si: no answer in time"));
}

#[test]
fn what_cannot_be_reached_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = Url::parse(&format!("http://127.0.0.1:{closed}")).unwrap();
    let error = get(&ask(&refused, 30)).err().unwrap();
    assert!(error.to_string().ends_with(": connection refused"), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "connection refused");
    let unknown = Url::parse("http://no-such-host.invalid").unwrap();
    let error = get(&ask(&unknown, 30)).err().unwrap().to_string();
    assert!(error.contains("name"), "{error}");
    let url = server(|mut stream| {
        request_of(&mut stream);
    });
    let error = get(&ask(&url, 30)).err().unwrap().to_string();
    assert!(error.ends_with(": the answer broke off"), "{error}");
}

/// A host with several addresses: the first that works counts, and those that hang leave time for the others.
#[test]
fn addresses_are_tried_in_turn() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // a full backlog: the kernel leaves further connections unanswered
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let hung = full.local_addr().unwrap();
    let fillers: Vec<_> =
        (0..200).map_while(|_| TcpStream::connect_timeout(&hung, Duration::from_millis(100)).ok()).collect();
    let deadline = Instant::now() + Duration::from_secs(3);
    if fillers.len() < 200 {
        assert_eq!(connect(&[hung, good], deadline).unwrap().peer_addr().unwrap(), good);
    }
    assert_eq!(connect(&[closed, good], deadline + Duration::from_secs(30)).unwrap().peer_addr().unwrap(), good);
    assert_eq!(connect(&[good], Instant::now()).unwrap_err().kind(), Kind::TimedOut);
}

/// P15: a token that would add lines to the request is refused, and not shown.
#[test]
fn a_token_is_one_word() {
    let url = Url::parse("http://127.0.0.1").unwrap();
    let wrong = Ask { token: Some("canary\r\nX: y"), ..ask(&url, 1) };
    let error = request(&wrong).unwrap_err().to_string();
    assert!(!error.contains("canary"), "{error}");
}
