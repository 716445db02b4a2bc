//! A peer with a good handshake that then speaks nonsense, on each protocol; and nonsense before any handshake.

mod shared;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::{
    StreamProtocol,
    gossipsub::{self, ConfigBuilder, IdentTopic, MessageAuthenticity, ValidationMode},
    request_response::{self, Codec, Message, ProtocolSupport},
    swarm::SwarmEvent,
};
use quids_network::{RequestError, RequestKind, Topic, Verdict};
use shared::{Foreign, Node, PATIENCE, config, eventually, join};
use std::{io, time::Duration};

const CHAIN: &str = "/quids/0707070707070707";

/// Says given bytes on a stream, whatever its protocol, and takes what comes.
#[derive(Clone, Default)]
struct Nonsense;

impl Codec for Nonsense {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(Vec::new())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = Vec::new();
        io.take(1 << 16).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }
}

fn nonsense(seed: u64) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut all = vec![
        Vec::new(),
        vec![0],
        vec![0xff; 10],
        vec![0xff; 4096],
        vec![0; 4096],
        // Lengths as varint and as u32 that nothing follows.
        vec![0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        vec![2, 0xff, 0xff, 0xff, 0xff, 1, 2, 3],
        vec![2, 0, 4, 0, 0, 1, 2, 3],
        vec![99, 1, 0, 0, 0, 7],
    ];
    for length in [1, 2, 7, 33, 300, 5000, 70_000] {
        let mut bytes = vec![0; length];
        random.fill(&mut bytes);
        // One more that begins as a frame of its own length would.
        let framed = [&[u8::try_from(length.min(127)).unwrap()], &bytes[..]].concat();
        all.extend([bytes, framed]);
    }
    all
}

/// Sends all of it on streams of one protocol, and answers what the node asks on it by the same.
async fn speak(node: &Node, protocol: &str, seed: u8) {
    let name = StreamProtocol::try_from_owned(protocol.to_owned()).unwrap();
    let all = nonsense(u64::from(seed));
    let behaviour = request_response::Behaviour::<Nonsense>::new(
        [(name, ProtocolSupport::Full)],
        request_response::Config::default().with_request_timeout(Duration::from_secs(2)),
    );
    let mut swarm = Foreign::honest(seed).0.swarm(behaviour);
    swarm.dial(node.address()).unwrap();
    let peer = node.id();
    let talk = async {
        let mut waiting = 0;
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => {
                    for bytes in &all {
                        swarm.behaviour_mut().send_request(&peer, bytes.clone());
                        waiting += 1;
                    }
                }
                SwarmEvent::Behaviour(request_response::Event::Message {
                    message: Message::Request { channel, .. },
                    ..
                }) => {
                    let _ = swarm.behaviour_mut().send_response(channel, all[12].clone());
                }
                SwarmEvent::Behaviour(
                    request_response::Event::Message { .. } | request_response::Event::OutboundFailure { .. },
                ) => {
                    waiting -= 1;
                    if waiting == 0 {
                        return;
                    }
                }
                SwarmEvent::ConnectionClosed { .. } => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("an end of the talk");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_on_any_protocol_hurts_nobody_else() {
    let (mut node, mut friend) = (Node::start(config(1)).await, Node::start(config(2)).await);
    join(&mut friend, &mut node).await;
    let names = ["request", "kad"].map(|what| format!("{CHAIN}/{what}/1"));
    let others = [
        "/meshsub/1.2.0",
        "/meshsub/1.1.0",
        "/ipfs/id/1.0.0",
        "/ipfs/id/push/1.0.0",
        "/ipfs/ping/1.0.0",
    ];
    let protocols = names.iter().map(String::as_str).chain(others);
    for (number, protocol) in (0u8..).zip(protocols) {
        speak(&node, protocol, 100 + number).await;
        if number == 0 {
            assert!(node.offences("malformed") >= 4, "bad frames of ours are counted");
            assert_eq!(
                node.metric("quids_network_bans_total"),
                1,
                "and too many of them are the end"
            );
        }
        let bytes = protocol.as_bytes().to_vec();
        friend.network.publish(Topic::Consensus, bytes.clone()).unwrap();
        assert_eq!(node.gossip(Verdict::Accept).await.1, bytes, "after {protocol}");
        let asking = friend.network.request(node.id(), RequestKind::Status, Vec::new());
        let answering = async {
            loop {
                if let quids_network::Event::Request { peer, answer, .. } = node.next().await
                    && peer == friend.id()
                {
                    return answer.send(vec![1]);
                }
            }
        };
        assert_eq!(tokio::join!(asking, answering).0, Ok(vec![1]), "after {protocol}");
    }
}

#[tokio::test]
async fn nonsense_before_the_handshake_is_dropped() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let node = Node::start(config(1)).await;
    let port: u16 = node.address().to_string().split('/').nth(4).unwrap().parse().unwrap();
    let tls = b"\x13/multistream/1.0.0\n\x10/quids/pq-tls/1\n".to_vec();
    for bytes in nonsense(1)
        .into_iter()
        .flat_map(|bytes| [bytes.clone(), [tls.clone(), bytes].concat()])
    {
        let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = socket.write_all(&bytes).await;
        let _ = socket.shutdown().await;
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
        let _ = read.expect("the node hangs up");
    }
    assert!(node.failed("tls") > 0);
    assert!(Foreign::honest(2).0.dial(&node).await);
}

/// A peer with gossipsub as it comes, which puts no nonce before a message, or another before each copy.
async fn gossip_raw(node: &Node, seed: u8, messages: Vec<Vec<u8>>) {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| gossipsub::MessageId::new(&quids_crypto::blake3_256(&message.data)))
        .max_transmit_size(8 << 20)
        .build()
        .unwrap();
    let topic = IdentTopic::new(format!("{CHAIN}/consensus/1"));
    let mut behaviour: gossipsub::Behaviour =
        gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).unwrap();
    behaviour.subscribe(&topic).unwrap();
    let mut swarm = Foreign::honest(seed).0.swarm(behaviour);
    swarm.dial(node.address()).unwrap();
    loop {
        if let SwarmEvent::Behaviour(gossipsub::Event::Subscribed { topic: other, .. }) = swarm.select_next_some().await
            && other == topic.hash()
        {
            break;
        }
    }
    for message in messages {
        swarm.behaviour_mut().publish(topic.clone(), message).unwrap();
    }
    tokio::spawn(async move { while swarm.next().await.is_some() {} });
}

#[tokio::test]
async fn messages_that_cannot_be_ours_cost_score() {
    for (bad, expected) in [
        (vec![vec![1; 8]], 1),
        (vec![vec![1; 3], vec![2; 3], vec![3; 3], vec![4; 3]], 4),
        (vec![vec![1; 9 + Topic::Consensus.bytes_max()]], 1),
    ] {
        let mut node = Node::start(config(1)).await;
        gossip_raw(&node, 2, bad).await;
        eventually("it is counted", || node.offences("malformed") == expected).await;
        assert!(node.is_silent(Duration::from_millis(200)).await);
    }
    // The control: nine bytes are a nonce and one more.
    let mut node = Node::start(config(1)).await;
    gossip_raw(&node, 2, vec![vec![1; 9]]).await;
    assert_eq!(node.gossip(Verdict::Accept).await.1, [1]);
}

#[tokio::test]
async fn a_message_that_is_far_too_large_never_gets_in() {
    let mut node = Node::start(config(1)).await;
    gossip_raw(&node, 2, vec![vec![1; 7 << 20], vec![2; 2 << 20], vec![1; 9]]).await;
    assert!(node.is_silent(Duration::from_secs(1)).await || node.metric("quids_network_gossip_bytes_total") < 1 << 20);
    assert!(Foreign::honest(3).0.dial(&node).await);
}

/// Copies under other nonces are not passed on: one message more costs its sender as much as it costs us.
#[tokio::test]
async fn copies_under_other_nonces_are_one_message() {
    let mut node = Node::start(config(1)).await;
    let copies = (0..50u64)
        .map(|nonce| [&nonce.to_le_bytes()[..], b"payload"].concat())
        .collect();
    gossip_raw(&node, 2, copies).await;
    assert_eq!(node.gossip(Verdict::Accept).await.1, b"payload");
    assert!(node.is_silent(Duration::from_millis(500)).await);
    assert_eq!(node.dropped("repeated"), 49);
}

#[tokio::test]
async fn an_answer_that_is_none_fails_and_costs_score() {
    let mut node = Node::start(config(1)).await;
    let name = StreamProtocol::try_from_owned(format!("{CHAIN}/request/1")).unwrap();
    let behaviour = request_response::Behaviour::<Nonsense>::new([(name, ProtocolSupport::Full)], Default::default());
    let mut swarm = Foreign::honest(2).0.swarm(behaviour);
    let peer = *swarm.local_peer_id();
    swarm.dial(node.address()).unwrap();
    let too_large = u32::try_from(RequestKind::Status.answer_bytes_max() + 1).unwrap();
    let answers = [
        [&[0][..], &too_large.to_le_bytes(), &vec![1; too_large as usize]].concat(),
        vec![9],
        [&[0][..], &5u32.to_le_bytes(), &[1, 2, 3, 4, 5]].concat(),
        [&[0][..], &5u32.to_le_bytes(), &[1, 2, 3]].concat(),
    ];
    let mut next = answers.clone().into_iter();
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(request_response::Event::Message {
                message: Message::Request { channel, .. },
                ..
            }) = swarm.select_next_some().await
            {
                swarm
                    .behaviour_mut()
                    .send_response(channel, next.next().unwrap())
                    .unwrap();
            }
        }
    });
    node.connected(peer).await;
    let (mut outcomes, mut malformed) = (Vec::new(), Vec::new());
    for _ in &answers {
        outcomes.push(node.network.request(peer, RequestKind::Status, Vec::new()).await);
        malformed.push(node.offences("malformed"));
    }
    assert!(matches!(outcomes[0], Err(RequestError::Failed(_))), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(RequestError::Failed(_))), "{outcomes:?}");
    assert_eq!(outcomes[2], Ok(vec![1, 2, 3, 4, 5]));
    assert!(matches!(outcomes[3], Err(RequestError::Failed(_))), "{outcomes:?}");
    // What is cut off may be a connection that broke.
    assert_eq!(malformed, [1, 2, 2, 2]);
}

#[tokio::test]
async fn handshakes_under_way_have_a_limit_and_end() {
    let (mut node, other) = (Node::start(config(1)).await, Node::start(config(2)).await);
    let port: u16 = node.address().to_string().split('/').nth(4).unwrap().parse().unwrap();
    let mut silent = Vec::new();
    for _ in 0..80 {
        silent.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    eventually("some are turned away", || node.refused("handshakes") >= 16).await;
    // Meanwhile it dials whom it likes.
    node.network.connect(other.address()).unwrap();
    node.connected(other.id()).await;
    let mut late = config(3);
    late.reserved = vec![node.address()];
    let late = Node::start(late).await;
    node.connected(late.id()).await;
    drop(silent);
}
