//! The server as a scraper, a stranger and a slow client meet it: over a plain socket.

use quids_metrics::{CONNECTIONS_MAX, HEADER_TIMEOUT, Registry, ServerHandle, serve};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn start() -> (Registry, ServerHandle) {
    let registry = Registry::new();
    registry
        .int_counter("quids_test_calls_total", "Calls.")
        .unwrap()
        .inc_by(7);
    let server = serve((Ipv4Addr::LOCALHOST, 0).into(), registry.clone()).await.unwrap();
    (registry, server)
}

/// Sends bytes and reads until the server closes.
async fn exchange(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    read.expect("the server closes").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_has_its_answer() {
    let (registry, server) = start().await;
    let text = registry.encode();
    let length = format!("content-length: {}", text.len());
    for (request, status, contains, body) in [
        ("GET /metrics HTTP/1.1", "200 OK", length.as_str(), text.as_str()),
        ("GET /metrics?a=b HTTP/1.1", "200 OK", "version=0.0.4", text.as_str()),
        ("GET /metrics HTTP/1.0", "200 OK", length.as_str(), text.as_str()),
        ("HEAD /metrics HTTP/1.1", "200 OK", length.as_str(), ""),
        (
            "POST /metrics HTTP/1.1",
            "405 Method Not Allowed",
            "allow: GET, HEAD",
            "only GET and HEAD\n",
        ),
        ("GET / HTTP/1.1", "404 Not Found", "", "metrics are at /metrics\n"),
        (
            "GET /metrics/ HTTP/1.1",
            "404 Not Found",
            "",
            "metrics are at /metrics\n",
        ),
        (
            "GET /../metrics HTTP/1.1",
            "404 Not Found",
            "",
            "metrics are at /metrics\n",
        ),
        ("nonsense", "400 Bad Request", "", ""),
    ] {
        let answer = exchange(server.local_addr(), &format!("{request}\r\nHost: x\r\n\r\n")).await;
        let (head, found) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.lines().next().unwrap().ends_with(status), "{request}: {head}");
        assert!(head.contains(contains), "{request}: {head}");
        assert_eq!(found, body, "{request}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_send_nothing_are_cut_and_do_not_shut_a_scraper_out() {
    let (_, server) = start().await;
    let addr = server.local_addr();
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        idle.push(TcpStream::connect(addr).await.unwrap());
    }
    let begun = Instant::now();
    let answer = exchange(addr, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.contains("quids_test_calls_total 7\n"), "{answer}");
    // It had to wait for one of them to be cut, and not much longer.
    let waited = begun.elapsed();
    assert!(
        waited > HEADER_TIMEOUT / 2 && waited < HEADER_TIMEOUT + Duration::from_secs(8),
        "{waited:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_without_end_is_cut() {
    let (_, server) = start().await;
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    // The server may close while this is being sent.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(
        !answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named_and_a_stopped_server_frees_its_own() {
    let (registry, server) = start().await;
    let addr = server.local_addr();
    let error = serve(addr, registry.clone()).await.unwrap_err();
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    server.stop().await;
    serve(addr, registry).await.unwrap().stop().await;
}
