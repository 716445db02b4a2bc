//! Connections: lists, limits, one per peer, reconnecting, finding others, stopping.

mod shared;

use quids_metrics::Registry;
use quids_network::{Event, Multiaddr, Network, NetworkError, Topic, ValidatorKey, Verdict};
use shared::{Foreign, Key, Node, PATIENCE, Validators, config, eventually, join, mesh};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

#[tokio::test]
async fn who_is_denied_neither_gets_in_nor_is_dialled() {
    let other = Node::start(config(2)).await;
    let mut strict = config(1);
    strict.denied = vec![other.id()];
    let node = Node::start(strict).await;
    other.network.connect(node.address()).unwrap();
    eventually("it is refused", || node.refused("denied") == 1).await;
    node.network.connect(other.address()).unwrap();
    eventually("nor is it dialled", || node.refused("denied") == 2).await;
    assert!(node.network.peers().is_empty());
    let mut third = Node::start(config(3)).await;
    third.network.connect(node.address()).unwrap();
    third.connected(node.id()).await;
}

#[tokio::test]
async fn with_reserved_only_nobody_else_gets_in() {
    let mut friend = Node::start(config(2)).await;
    let stranger = Node::start(config(3)).await;
    let mut strict = config(1);
    strict.reserved_only = true;
    strict.reserved = vec![friend.address()];
    strict.bootnodes = vec![stranger.address()];
    let mut node = Node::start(strict).await;
    friend.connected(node.id()).await;
    stranger.network.connect(node.address()).unwrap();
    eventually("both ways", || node.refused("reserved_only") >= 2).await;
    assert_eq!(node.network.peers().len(), 1);
    node.connected(friend.id()).await;
    node.network.remove_reserved(friend.id()).unwrap();
    node.disconnected(friend.id()).await;
    node.network.add_reserved(stranger.address()).unwrap();
    node.connected(stranger.id()).await;
}

#[tokio::test]
async fn limits_hold_for_all_but_reserved_peers() {
    let friend = Node::start(config(30)).await;
    let mut small = config(1);
    small.max_peers = 4;
    small.reserved = vec![friend.address()];
    let node = Node::start(small).await;
    let mut others = Vec::new();
    for seed in 2..8 {
        let other = Node::start(config(seed)).await;
        other.network.connect(node.address()).unwrap();
        others.push(other);
    }
    eventually("three of six are let in", || node.refused("full") >= 3).await;
    eventually("and the friend", || node.network.peers().len() == 4).await;
    assert!(node.is_connected(friend.id()));
    assert_eq!(node.network.peers().iter().filter(|peer| peer.is_inbound).count(), 3);
    assert_eq!(node.metric("quids_network_connections{"), 4);
}

#[tokio::test]
async fn strangers_that_take_all_places_do_not_keep_a_validator_out() {
    let key = Key::new(1);
    let validators = Arc::new(Validators::default());
    validators.register(&key.public());
    let mut small = config(1);
    small.max_peers = 4;
    let mut node = Node::start_with(small, validators.clone()).await;
    let mut strangers = Vec::new();
    for seed in 2..7 {
        let stranger = Node::start(config(seed)).await;
        stranger.network.connect(node.address()).unwrap();
        strangers.push(stranger);
    }
    eventually("it is full", || node.refused("full") == 2).await;
    let mut ours = config(9);
    ours.validator = Some(key.clone());
    let validator = Node::start_with(ours, validators).await;
    validator.network.connect(node.address()).unwrap();
    assert_eq!(node.connected(validator.id()).await, Some(key.public()));
    let late = Node::start(config(10)).await;
    late.network.connect(node.address()).unwrap();
    eventually("it is still full for others", || node.refused("full") == 3).await;
}

#[tokio::test]
async fn two_that_dial_each_other_at_once_keep_one_connection() {
    for round in 0..5u8 {
        let (mut a, mut b) = (
            Node::start(config(10 + round)).await,
            Node::start(config(20 + round)).await,
        );
        a.network.connect(b.address()).unwrap();
        b.network.connect(a.address()).unwrap();
        a.connected(b.id()).await;
        b.connected(a.id()).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(a.is_connected(b.id()) && b.is_connected(a.id()));
        a.network.publish(Topic::Consensus, b"a".to_vec()).unwrap();
        assert_eq!(b.gossip(Verdict::Accept).await.1, b"a");
        b.network.publish(Topic::Consensus, b"b".to_vec()).unwrap();
        assert_eq!(a.gossip(Verdict::Accept).await.1, b"b");
        // Sockets between the two, seen from the system: one, so two ends.
        let ports = [port(&a), port(&b)];
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let is_ours = |line: &&str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let ends = ports.map(|port| format!(":{port:04X}"));
            fields[3] == "01" && ends.iter().any(|end| fields[1].ends_with(end))
        };
        assert_eq!(table.lines().skip(1).filter(is_ours).count(), 1, "{table}");
    }
}

fn port(node: &Node) -> u16 {
    node.address().to_string().split('/').nth(4).unwrap().parse().unwrap()
}

/// Each would live for a second before it gives way to the next.
#[tokio::test]
async fn a_peer_that_connects_again_and_again_has_two_connections_at_most() {
    let node = Node::start(config(1)).await;
    let again: Vec<_> = (0..6)
        .map(|_| {
            let mut swarm = Foreign::honest(2).0.swarm(libp2p::ping::Behaviour::default());
            swarm.dial(node.address()).unwrap();
            tokio::spawn(async move { while futures::StreamExt::next(&mut swarm).await.is_some() {} })
        })
        .collect();
    eventually("four are refused", || node.refused("twice") == 4).await;
    assert_eq!(node.network.peers().len(), 1);
    again.into_iter().for_each(|task| task.abort());
}

#[tokio::test]
async fn a_reserved_peer_is_connected_again_after_it_restarts() {
    let other = Node::start(config(2)).await;
    let (id, address) = (other.id(), other.address());
    let mut faithful = config(1);
    faithful.reserved = vec![address.clone()];
    let mut node = Node::start(faithful).await;
    node.connected(id).await;
    other.network.stop().await;
    node.disconnected(id).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut again = config(2);
    let mut listen = address;
    listen.pop();
    again.listen = vec![listen];
    let mut again = Node::start(again).await;
    let started = Instant::now();
    again.connected(node.id()).await;
    node.connected(id).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    again.network.publish(Topic::Consensus, b"back".to_vec()).unwrap();
    assert_eq!(node.gossip(Verdict::Accept).await.1, b"back");
}

#[tokio::test]
async fn a_reserved_peer_is_dialled_until_it_is_there_and_by_name() {
    let mut config_of_other = config(2);
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    config_of_other.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()];
    let id = config_of_other.key.peer_id();
    let mut faithful = config(1);
    faithful.reserved = vec![format!("/dns4/localhost/tcp/{port}/p2p/{id}").parse().unwrap()];
    let mut node = Node::start(faithful).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(node.network.peers().is_empty());
    let _other = Node::start(config_of_other).await;
    node.connected(id).await;
}

#[tokio::test]
async fn nodes_that_know_one_bootnode_find_each_other() {
    let boot = Node::start(config(1)).await;
    let mut nodes = Vec::new();
    for seed in 2..6 {
        let mut config = config(seed);
        config.bootnodes = vec![boot.address()];
        nodes.push(Node::start(config).await);
    }
    for node in &nodes {
        eventually("all know all", || node.network.peers().len() == 4).await;
    }
    let agents: Vec<_> = boot.network.peers().into_iter().map(|peer| peer.agent).collect();
    assert!(
        (2..6).all(|seed| agents.contains(&format!("test/{seed}"))),
        "{agents:?}"
    );
}

#[tokio::test]
async fn stopping_frees_the_port_and_ends_what_waits() {
    let (mut a, mut b) = (Node::start(config(1)).await, Node::start(config(2)).await);
    join(&mut a, &mut b).await;
    let (port, clone) = (port(&a), a.network.clone());
    a.network.stop().await;
    std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    b.disconnected(config(1).key.peer_id()).await;
    while let Some(event) = tokio::time::timeout(PATIENCE, a.events.next()).await.unwrap() {
        assert!(!matches!(event, Event::Gossip { .. }));
    }
    assert!(clone.publish(Topic::Consensus, vec![1]).is_err());
    let asked = clone
        .request(b.id(), quids_network::RequestKind::Status, Vec::new())
        .await;
    assert_eq!(asked, Err(quids_network::RequestError::Stopped));
    clone.stop().await;
}

#[tokio::test]
async fn a_network_ends_with_its_last_handle() {
    let node = Node::start(config(1)).await;
    let port = port(&node);
    drop(node.network);
    eventually("the port is free", || {
        std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_is_an_error_at_the_start() {
    let start = async |config| {
        let started = Network::start(config, Arc::new(Validators::default()), &Registry::new()).await;
        started.err().expect("an error")
    };
    let taken = Node::start(config(1)).await;
    let mut address = taken.address();
    address.pop();
    let mut second = config(2);
    second.listen = vec![address];
    assert!(matches!(start(second).await, NetworkError::Listen { .. }));
    let mut nobody = config(2);
    nobody.bootnodes = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()];
    assert!(matches!(start(nobody).await, NetworkError::NoPeer(_)));
    let mut odd = config(2);
    odd.listen = vec!["/ip4/127.0.0.1/udp/1".parse::<Multiaddr>().unwrap()];
    assert!(matches!(start(odd).await, NetworkError::Listen { .. }));
    assert!(taken.network.connect("/ip4/127.0.0.1/tcp/1".parse().unwrap()).is_err());
}

#[tokio::test]
async fn a_mesh_of_ten_hears_each_of_its_nodes() {
    let mut nodes = mesh(1..11).await;
    for speaker in 0..nodes.len() {
        let bytes = format!("node {speaker}").into_bytes();
        nodes[speaker].network.publish(Topic::Consensus, bytes.clone()).unwrap();
        for (index, node) in nodes.iter_mut().enumerate() {
            if index != speaker {
                assert_eq!(node.gossip(Verdict::Accept).await.1, bytes);
            }
        }
    }
}
