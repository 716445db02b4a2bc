//! The handshake over real sockets: who is let in, who is not, and that both ends see the same.

mod shared;

use quids_core::Hash;
use quids_crypto::SignatureScheme;
use quids_network::{Event, ValidatorKey};
use rustls::crypto::aws_lc_rs::kx_group;
use shared::{Foreign, GENESIS, Key, Node, Validators, config, eventually, framed, hello, hello_with_proof, proven};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

#[tokio::test]
async fn a_peer_with_post_quantum_tls_is_let_in_and_one_with_classical_tls_is_not() {
    let node = Node::start(config(1)).await;
    assert!(Foreign::honest(2).0.dial(&node).await, "the control");
    let (mut classical, mut hears) = Foreign::honest(3);
    classical.groups = vec![kx_group::X25519, kx_group::SECP256R1];
    assert!(!classical.dial(&node).await);
    assert_eq!(node.failed("tls"), 1);
    assert!(hears.recv().await.is_none(), "TLS itself refused");
}

#[tokio::test]
async fn a_node_dials_no_peer_with_classical_tls() {
    let mut node = Node::start(config(1)).await;
    let (peer, _hears) = Foreign::honest(2);
    let id = peer.id();
    node.network.connect(peer.listen().await).unwrap();
    node.connected(id).await;
    let (mut classical, _hears) = Foreign::honest(3);
    classical.groups = vec![kx_group::X25519];
    let id = classical.id();
    node.network.connect(classical.listen().await).unwrap();
    eventually("the refusal", || node.failed("tls") == 1).await;
    assert!(!node.is_connected(id));
}

#[tokio::test]
async fn validators_know_each_other_by_their_keys() {
    for scheme in [SignatureScheme::Falcon512, SignatureScheme::MlDsa87] {
        let validators = Arc::new(Validators::default());
        let (key, other_key) = (Key::of(scheme, 1), Key::of(scheme, 2));
        validators.register(&key.public());
        validators.register(&other_key.public());
        let mut first = config(1);
        first.validator = Some(key.clone());
        let mut second = config(2);
        second.validator = Some(other_key.clone());
        let mut node = Node::start_with(first, validators.clone()).await;
        let mut other = Node::start_with(second, validators).await;
        node.network.connect(other.address()).unwrap();
        assert_eq!(node.connected(other.id()).await, Some(other_key.public()));
        assert_eq!(other.connected(node.id()).await, Some(key.public()));
        assert_eq!(node.network.peers()[0].validator, Some(other_key.public()));
    }
}

/// A man in the middle with a key of his own passes on what two validators say to him.
#[tokio::test]
async fn a_relayed_proof_is_refused_on_both_ends() {
    let validators = Arc::new(Validators::default());
    let (alice_key, bob_key) = (Key::new(1), Key::new(2));
    validators.register(&alice_key.public());
    validators.register(&bob_key.public());
    let mut alice = config(1);
    alice.validator = Some(alice_key);
    let mut bob = config(2);
    bob.validator = Some(bob_key);
    let alice = Node::start_with(alice, validators.clone()).await;
    let bob = Node::start_with(bob, validators).await;

    let (to_alice, from_bob) = mpsc::unbounded_channel::<Vec<u8>>();
    let (to_bob, from_alice) = mpsc::unbounded_channel::<Vec<u8>>();
    let saying = |frames: mpsc::UnboundedReceiver<Vec<u8>>| {
        let frames = Arc::new(tokio::sync::Mutex::new(frames));
        Foreign::saying(9, move |_| {
            let frames = frames.clone();
            Box::pin(async move { frames.lock().await.recv().await.unwrap() })
        })
        .0
    };
    let mut towards_alice = saying(from_bob);
    towards_alice.heard = to_bob;
    let mut towards_bob = saying(from_alice);
    towards_bob.heard = to_alice;
    let address = towards_alice.listen().await;
    let relayed = tokio::spawn(async move {
        alice.network.connect(address).unwrap();
        eventually("alice refuses", || alice.failed("proof") == 1).await;
        alice.network.peers().is_empty()
    });
    assert!(!towards_bob.dial(&bob).await);
    assert_eq!(bob.failed("proof"), 1);
    assert!(relayed.await.unwrap());
}

#[tokio::test]
async fn a_proof_counts_for_its_role_its_peer_and_its_session_alone() {
    let validators = Arc::new(Validators::default());
    let key = Key::new(1);
    validators.register(&key.public());
    let mut node = Node::start_with(config(1), validators).await;
    let signed = |alter: fn(&mut shared::Session)| {
        let key = key.clone();
        move |mut session: shared::Session| {
            alter(&mut session);
            let signature = key.sign(&proven(&session)).unwrap();
            let frame = hello_with_proof(GENESIS, &key.public(), &signature);
            Box::pin(async move { frame }) as futures::future::BoxFuture<'static, Vec<u8>>
        }
    };
    let bad: [fn(&mut shared::Session); 3] = [
        |session| session.is_dialer = false,
        |session| session.exported[0] ^= 1,
        |session| session.local = session.remote,
    ];
    for (count, alter) in bad.into_iter().enumerate() {
        let (peer, mut hears) = Foreign::saying(2, signed(alter));
        assert!(!peer.dial(&node).await);
        assert_eq!(node.failed("proof"), count as u64 + 1);
        hears.recv().await.unwrap();
        assert_eq!(hears.recv().await.unwrap(), [6], "it is told why");
    }
    let (peer, _hears) = Foreign::saying(2, signed(|_| ()));
    let id = peer.id();
    let dialled = tokio::spawn(async move {
        let mut swarm = peer.swarm(libp2p::ping::Behaviour::default());
        swarm.dial(node.address()).unwrap();
        tokio::select! {
            validator = node.connected(id) => validator,
            _ = async { while futures::StreamExt::next(&mut swarm).await.is_some() {} } => None,
        }
    });
    assert_eq!(dialled.await.unwrap(), Some(key.public()));
}

#[tokio::test]
async fn a_key_that_is_not_registered_is_refused_before_its_signature_is_looked_at() {
    let node = Node::start(config(1)).await;
    let key = Key::new(1);
    // Worth nothing: were it verified, the reason would be another.
    let signature = key.sign(b"anything").unwrap();
    let frame = hello_with_proof(GENESIS, &key.public(), &signature);
    let say = move |_| {
        let frame = frame.clone();
        Box::pin(async move { frame }) as futures::future::BoxFuture<'static, Vec<u8>>
    };
    assert!(!Foreign::saying(2, say).0.dial(&node).await);
    assert_eq!((node.failed("unregistered"), node.failed("proof")), (1, 0));
}

#[tokio::test]
async fn a_validator_whose_key_a_peer_does_not_know_comes_back_as_a_peer() {
    let key = Key::new(1);
    let knows = Arc::new(Validators::default());
    knows.register(&key.public());
    let mut other = Node::start(config(2)).await;
    let mut first = config(1);
    first.validator = Some(key);
    first.reserved = vec![other.address()];
    let node = Node::start_with(first, knows).await;
    assert_eq!(other.connected(node.id()).await, None);
    assert_eq!((other.failed("unregistered"), node.failed("by_peer")), (1, 1));
}

#[tokio::test]
async fn a_node_that_is_behind_takes_a_validator_for_a_peer_until_it_knows_better() {
    let key = Key::new(1);
    let knows = Arc::new(Validators::default());
    knows.register(&key.public());
    let mut first = config(1);
    first.validator = Some(key.clone());
    let node = Node::start_with(first, knows).await;
    let mut other = Node::start(config(2)).await;
    other.validators.set_behind(true);
    other.network.connect(node.address()).unwrap();
    assert_eq!(other.connected(node.id()).await, None);
    other.validators.register(&key.public());
    other.validators.set_behind(false);
    let network = other.network.clone();
    eventually("it is known", || network.peers()[0].validator == Some(key.public())).await;
}

#[tokio::test]
async fn another_genesis_or_version_is_refused_with_that_reason() {
    let node = Node::start(config(1)).await;
    for (frame, reason, code) in [
        (hello(1, Hash::repeat_byte(8)), "genesis", 3),
        (hello(2, GENESIS), "version", 2),
        (framed(&[]), "malformed", 1),
        (framed(&[1]), "malformed", 1),
        ([&hello(1, GENESIS)[..2], &[1; 99]].concat(), "malformed", 1),
    ] {
        let before = node.failed(reason);
        let said = frame.clone();
        let say = move |_| {
            let frame = said.clone();
            Box::pin(async move { frame }) as futures::future::BoxFuture<'static, Vec<u8>>
        };
        let (peer, mut hears) = Foreign::saying(2, say);
        assert!(!peer.dial(&node).await, "{frame:?}");
        assert_eq!(node.failed(reason), before + 1, "{frame:?}");
        hears.recv().await.unwrap();
        assert_eq!(hears.recv().await.unwrap(), [code], "{frame:?}");
    }
    let mut other = config(3);
    other.genesis = Hash::repeat_byte(8);
    let other = Node::start(other).await;
    other.network.connect(node.address()).unwrap();
    eventually("both refuse", || {
        other.failed("genesis") == 1 && node.failed("genesis") == 2
    })
    .await;
    assert!(node.network.peers().is_empty() && other.network.peers().is_empty());
}

#[tokio::test]
async fn a_hello_that_is_too_large_is_refused_before_it_is_read() {
    let node = Node::start(config(1)).await;
    // The body never comes: whoever waited for it would time out instead.
    let say = |_| Box::pin(async { 4801u16.to_le_bytes().to_vec() }) as futures::future::BoxFuture<'static, Vec<u8>>;
    let started = Instant::now();
    assert!(!Foreign::saying(2, say).0.dial(&node).await);
    assert_eq!((node.failed("malformed"), node.failed("timeout")), (1, 0));
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_and_others_go_on_meanwhile() {
    let mut node = Node::start(config(1)).await;
    let stall = |_| Box::pin(std::future::pending()) as futures::future::BoxFuture<'static, Vec<u8>>;
    let mut stalled = Foreign::saying(2, stall).0.swarm(libp2p::ping::Behaviour::default());
    stalled.dial(node.address()).unwrap();
    let stalling = tokio::spawn(async move { while futures::StreamExt::next(&mut stalled).await.is_some() {} });
    // One that says nothing at all, not even which protocol.
    let address = node.address().to_string();
    let port: u16 = address.split('/').nth(4).unwrap().parse().unwrap();
    let silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(Foreign::honest(3).0.dial(&node).await);
    eventually("the time is over", || node.failed("timeout") == 1).await;
    let mut byte = [0; 64];
    let closed = async {
        loop {
            silent.readable().await.unwrap();
            match silent.try_read(&mut byte) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    tokio::time::timeout(shared::PATIENCE, closed)
        .await
        .expect("the silent one is dropped");
    stalling.abort();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(100), node.events.next()).await {
        let id = Foreign::honest(3).0.id();
        assert!(
            matches!(&event, Event::Connected { peer, .. } | Event::Disconnected { peer } if *peer == id),
            "{event:?}"
        );
    }
}

/// Addresses of its own are not even dialled; here its key comes from outside.
#[tokio::test]
async fn a_node_does_not_connect_to_itself() {
    let node = Node::start(config(1)).await;
    let (itself, mut hears) = Foreign::honest(1);
    assert_eq!(itself.id(), node.id());
    let mut swarm = itself.swarm(libp2p::ping::Behaviour::default());
    let mut address = node.address();
    address.pop();
    swarm.dial(address).unwrap();
    let dialling = tokio::spawn(async move { while futures::StreamExt::next(&mut swarm).await.is_some() {} });
    hears.recv().await.unwrap();
    assert_eq!(hears.recv().await.unwrap(), [4]);
    assert_eq!(node.failed("itself"), 1);
    assert!(node.network.peers().is_empty());
    dialling.abort();
}

/// The environment asks for secrets and gets none.
#[tokio::test]
async fn no_secrets_are_logged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "validators_know_each_other_by_their_keys"])
        .env("SSLKEYLOGFILE", &file)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    assert!(!file.exists());
}

#[tokio::test]
async fn a_validator_whose_key_does_not_sign_connects_to_nobody_and_goes_on() {
    struct Broken(Arc<Key>, Mutex<bool>);
    impl ValidatorKey for Broken {
        fn public(&self) -> quids_crypto::PublicKey {
            self.0.public()
        }
        fn sign(&self, message: &[u8]) -> Result<quids_crypto::Signature, String> {
            if *self.1.lock().unwrap() {
                return Err("no token".into());
            }
            self.0.sign(message)
        }
    }
    let key = Arc::new(Broken(Key::new(1), Mutex::new(true)));
    let validators = Arc::new(Validators::default());
    validators.register(&key.public());
    let mut other = Node::start_with(config(2), validators.clone()).await;
    let mut first = config(1);
    first.validator = Some(key.clone());
    first.reserved = vec![other.address()];
    let node = Node::start_with(first, validators).await;
    eventually("it fails", || node.failed("broken") >= 1).await;
    assert!(node.network.peers().is_empty());
    *key.1.lock().unwrap() = false;
    assert_eq!(other.connected(node.id()).await, Some(key.public()));
}
