//! Requests: answered, refused, too large, too many, too late.

mod shared;

use quids_network::{Answer, Event, RequestError, RequestKind};
use shared::{Node, config, eventually, join};
use std::time::{Duration, Instant};

impl Node {
    /// Skips to the next request.
    async fn request(&mut self) -> (RequestKind, Vec<u8>, Answer) {
        loop {
            if let Event::Request {
                kind, bytes, answer, ..
            } = self.next().await
            {
                return (kind, bytes, answer);
            }
        }
    }
}

async fn pair() -> (Node, Node) {
    let (mut a, mut b) = (Node::start(config(1)).await, Node::start(config(2)).await);
    join(&mut a, &mut b).await;
    (a, b)
}

#[tokio::test]
async fn each_kind_is_answered_or_refused() {
    let (a, mut b) = pair().await;
    let peer = b.id();
    let serving = tokio::spawn(async move {
        loop {
            let (kind, mut bytes, answer) = b.request().await;
            if bytes == b"no" {
                continue;
            }
            bytes.push(kind as u8);
            answer.send(bytes);
        }
    });
    for kind in RequestKind::ALL {
        let answered = a.network.request(peer, kind, b"yes".to_vec()).await.unwrap();
        assert_eq!(answered, [b"yes".as_slice(), &[kind as u8]].concat());
        let refused = a.network.request(peer, kind, b"no".to_vec()).await;
        assert_eq!(refused, Err(RequestError::Refused));
    }
    assert_eq!(
        a.network.request(peer, RequestKind::Status, Vec::new()).await.unwrap(),
        [0]
    );
    serving.abort();
}

#[tokio::test]
async fn sizes_have_limits_both_ways() {
    let (a, mut b) = pair().await;
    let peer = b.id();
    let serving = tokio::spawn(async move {
        loop {
            let (_, bytes, answer) = b.request().await;
            answer.send(vec![1; u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize]);
        }
    });
    let ask = |size: usize, kind: RequestKind| {
        let size = u32::try_from(size).unwrap().to_le_bytes().to_vec();
        a.network.request(peer, kind, size)
    };
    let kind = RequestKind::Block;
    assert_eq!(
        ask(kind.answer_bytes_max(), kind).await.unwrap().len(),
        kind.answer_bytes_max()
    );
    assert_eq!(ask(kind.answer_bytes_max() + 1, kind).await, Err(RequestError::Refused));
    let large = vec![0; kind.request_bytes_max() + 1];
    let error = a.network.request(peer, kind, large).await.unwrap_err();
    assert!(matches!(error, RequestError::TooLarge { .. }), "{error}");
    serving.abort();
}

#[tokio::test]
async fn a_peer_that_does_not_answer_costs_the_kinds_time_and_no_more() {
    let (a, mut b) = pair().await;
    let started = Instant::now();
    let kind = RequestKind::Status;
    let (asked, kept) = tokio::join!(a.network.request(b.id(), kind, Vec::new()), b.request());
    assert!(
        matches!(asked, Err(RequestError::Timeout | RequestError::Busy)),
        "{asked:?}"
    );
    assert!(started.elapsed() >= kind.timeout() - Duration::from_millis(50));
    assert!(started.elapsed() < kind.timeout() + Duration::from_secs(2));
    // Too late, and nobody minds.
    kept.2.send(vec![1]);
    let (asked, ()) = tokio::join!(a.network.request(b.id(), kind, Vec::new()), async {
        b.request().await.2.send(vec![2]);
    });
    assert_eq!(asked, Ok(vec![2]));
}

#[tokio::test]
async fn who_is_not_there_is_not_asked() {
    let (a, b) = pair().await;
    let peer = b.id();
    let nobody = config(9).key.peer_id();
    let asked = a.network.request(nobody, RequestKind::Status, Vec::new()).await;
    assert_eq!(asked, Err(RequestError::NotConnected));
    let asking = {
        let network = a.network.clone();
        tokio::spawn(async move { network.request(peer, RequestKind::Blocks, Vec::new()).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    b.network.stop().await;
    let asked = tokio::time::timeout(Duration::from_secs(5), asking)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(asked, Err(RequestError::Failed(_))), "{asked:?}");
}

#[tokio::test]
async fn a_peer_that_asks_too_much_at_once_is_told_that_we_are_busy() {
    let (a, mut b) = pair().await;
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (network, peer) = (a.network.clone(), b.id());
            tokio::spawn(async move { network.request(peer, RequestKind::Block, Vec::new()).await })
        })
        .collect();
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(b.request().await.2);
    }
    eventually("the others are busy", || b.dropped("request") == 12).await;
    for answer in answers {
        answer.send(vec![1]);
    }
    let (mut good, mut busy) = (0, 0);
    for asked in asking {
        match asked.await.unwrap() {
            Ok(_) => good += 1,
            Err(RequestError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((good, busy), (8, 12));
    // All are free again.
    let (asked, ()) = tokio::join!(a.network.request(b.id(), RequestKind::Block, Vec::new()), async {
        b.request().await.2.send(vec![2]);
    });
    assert_eq!(asked, Ok(vec![2]));
}

#[tokio::test]
async fn our_own_requests_to_one_peer_have_a_limit() {
    let (a, b) = pair().await;
    let asking: Vec<_> = (0..40)
        .map(|_| {
            let (network, peer) = (a.network.clone(), b.id());
            tokio::spawn(async move { network.request(peer, RequestKind::Status, Vec::new()).await })
        })
        .collect();
    let mut too_many = 0;
    for asked in asking {
        too_many += usize::from(asked.await.unwrap() == Err(RequestError::TooMany));
    }
    assert_eq!(too_many, 40 - 24);
}

#[tokio::test]
async fn a_large_answer_does_not_hold_up_small_ones_and_gossip() {
    let (mut a, mut b) = pair().await;
    let peer = b.id();
    let large = {
        let network = a.network.clone();
        tokio::spawn(async move { network.request(peer, RequestKind::Blocks, Vec::new()).await })
    };
    b.request()
        .await
        .2
        .send(vec![1; RequestKind::Blocks.answer_bytes_max()]);
    let started = Instant::now();
    b.network
        .publish(quids_network::Topic::Consensus, b"vote".to_vec())
        .unwrap();
    a.gossip(quids_network::Verdict::Accept).await;
    println!("a vote beside 48 MiB: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(
        large.await.unwrap().unwrap().len(),
        RequestKind::Blocks.answer_bytes_max()
    );
}
