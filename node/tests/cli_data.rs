//! Blocks out of one node and into another, and what is told of a folder: the real binary on real folders.

use quids_core::{AccountId20, Hash, Height};
use quids_node::{
    ChainOptions,
    blocks::{self, FileHeader},
    chain::FinalBlock,
    testing::{Signing, TestChain},
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Seek, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

const BLOCKS: u32 = 12;

fn quids(base: &Path, arguments: &[&str]) -> Output {
    let (command, rest) = arguments.split_at(if ["db", "snapshot"].contains(&arguments[0]) {
        2
    } else {
        1
    });
    Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(command)
        .arg("--base-path")
        .arg(base)
        .args(rest)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn done(base: &Path, arguments: &[&str]) -> Value {
    let output = quids(base, &[arguments, &["--json"]].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(base: &Path, arguments: &[&str], said: &[&str]) {
    let output = quids(base, arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    for said in said {
        assert!(error.contains(said), "{arguments:?}: {said:?} is not in {error:?}");
    }
}

fn open(base: &Path) -> TestChain {
    TestChain::open(&base.join("chains/dev"), &ChainOptions::default()).unwrap()
}

/// A folder with a chain of transfers, closed.
fn some_chain() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("chains/dev")).unwrap();
    let chain = open(folder.path());
    let bob = quids_keystore::dev_keypair("bob").unwrap();
    for n in 0..BLOCKS {
        let call = chain.transfer(&AccountId20([n as u8; 20]), 1).unwrap();
        let transaction = chain.sign(&bob, call, Signing::default()).unwrap();
        assert!(chain.block(vec![transaction]).unwrap().1.is_empty());
    }
    folder
}

/// Where each block of a file begins, and where the last one ends.
fn block_starts(file: &[u8]) -> Vec<usize> {
    let mut starts = vec![60];
    while let Some(length) = file[starts[starts.len() - 1]..].first_chunk() {
        starts.push(starts[starts.len() - 1] + 16 + u32::from_le_bytes(*length) as usize);
    }
    starts
}

#[test]
fn blocks_go_from_one_node_to_another() {
    let source = some_chain();
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (all, low, high) = (path("all"), path("low"), path("high"));
    let told = done(source.path(), &["export-blocks", "--out", &all]);
    assert_eq!((&told["blocks"], &told["to"]), (&BLOCKS.into(), &BLOCKS.into()));
    done(source.path(), &["export-blocks", "--out", &low, "--to", "5"]);
    done(source.path(), &["export-blocks", "--out", &high, "--from", "4"]);
    // Through a pipe it is the same file.
    let piped = quids(source.path(), &["export-blocks", "--out", "-"]);
    assert_eq!(piped.stdout, fs::read(&all).unwrap());
    refused(source.path(), &["export-blocks", "--out", &all], &["cannot create"]);
    refused(
        source.path(),
        &["export-blocks", "--out", &path("x"), "--to", "99"],
        &["no block 99", "the last one is 12"],
    );
    assert!(!Path::new(&path("x.part")).exists());

    // Too high a start; then piece by piece, with what is known skipped.
    refused(
        target.path(),
        &["import-blocks", &high],
        &["block 4 of the file", "begins too high"],
    );
    assert_eq!(done(target.path(), &["import-blocks", &low])["imported"], 5);
    let told = done(target.path(), &["import-blocks", &high]);
    assert_eq!((&told["imported"], &told["known_before"]), (&7.into(), &2.into()));
    assert_eq!(done(target.path(), &["import-blocks", &all])["imported"], 0);
    let info = done(target.path(), &["db", "info"]);
    assert_eq!(info["best"], done(source.path(), &["db", "info"])["best"]);
    assert_eq!(info["best"]["height"], BLOCKS);
    {
        let (source, target) = (open(source.path()), open(target.path()));
        assert_eq!(source.chain.best(), target.chain.best());
        let (_, best) = target.chain.best();
        assert_eq!(
            told["state_root"],
            format!("{:?}", target.chain.header(best).unwrap().state_root)
        );
        // A fork: the target goes its own way below the file's end.
        assert!(target.free(&AccountId20([3; 20])).unwrap() == 1);
    }
    let fork = tempfile::tempdir().unwrap();
    done(fork.path(), &["import-blocks", &low]);
    open(fork.path()).block(Vec::new()).unwrap();
    refused(
        fork.path(),
        &["import-blocks", &all],
        &["block 6 of the file", "a fork", "up to block 6 only"],
    );

    // Damage is told with its place, and what came before it stays.
    let mut bytes = fs::read(&all).unwrap();
    let middle = block_starts(&bytes)[6] + 40;
    bytes[middle] ^= 1;
    let damaged = path("damaged");
    fs::write(&damaged, &bytes).unwrap();
    let fresh = tempfile::tempdir().unwrap();
    refused(
        fresh.path(),
        &["import-blocks", &damaged],
        &["block 7, at byte", "is damaged: its sum is wrong"],
    );
    let (reached, _) = open(fresh.path()).chain.best();
    assert_eq!(reached, Height(6));
    assert_eq!(
        done(fresh.path(), &["import-blocks", &all])["imported"],
        BLOCKS - reached.0
    );
    fs::write(&damaged, &fs::read(&all).unwrap()[..middle]).unwrap();
    refused(fresh.path(), &["import-blocks", &damaged], &["the file ends"]);
    // What is no file of blocks makes no database, and is not said to have been imported.
    fs::write(&damaged, "hello").unwrap();
    let empty = tempfile::tempdir().unwrap();
    for (file, said) in [
        (damaged.as_str(), "does not begin with QUIDSBLK"),
        ("-", "does not begin with QUIDSBLK"),
    ] {
        refused(
            empty.path(),
            &["import-blocks", file],
            &[&format!("cannot import {file}"), said],
        );
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "{file}");
    }
    refused(
        fresh.path(),
        &["import-blocks", "/nonexistent"],
        &["cannot read /nonexistent"],
    );
    refused(
        fresh.path(),
        &["import-blocks", "--chain", "local", &all],
        &["chain with genesis"],
    );
}

#[test]
fn an_export_that_is_interrupted_goes_on() {
    let source = some_chain();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, part) = (path("file"), path("file.part"));
    done(source.path(), &["export-blocks", "--out", &file]);
    let whole = fs::read(&file).unwrap();
    let starts = block_starts(&whole);
    assert_eq!((starts.len() as u32, starts[12]), (BLOCKS + 1, whole.len()));
    let goes_on = |known: u32, arguments: &[&str]| {
        let told = done(
            source.path(),
            &[&["export-blocks", "--out", &file][..], arguments].concat(),
        );
        assert_eq!((&told["blocks"], &told["to"]), (&BLOCKS.into(), &BLOCKS.into()));
        assert_eq!(told["known_before"], known, "{told}");
        assert!(fs::read(&file).unwrap() == whole, "another file");
        assert!(!Path::new(&part).exists());
    };

    fs::remove_file(&file).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["export-blocks", "--out", &file, "--base-path"])
        .arg(source.path())
        .env("QUIDS_CRASH_AT", "block-exported:10")
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let left = fs::read(&part).unwrap();
    assert!(!status.success() && !Path::new(&file).exists());
    assert!(left.len() > starts[1] && left.len() <= starts[10] && whole.starts_with(&left));
    goes_on(
        starts.iter().filter(|start| **start <= left.len()).count() as u32 - 1,
        &[],
    );

    let mut flipped = whole.clone();
    flipped[starts[2] + 100] ^= 1;
    for (left, known, arguments) in [
        (Vec::new(), 0, &[][..]),
        (whole[..30].to_vec(), 0, &[]),
        (whole[..60].to_vec(), 0, &["--from", "0"]),
        (whole[..starts[4]].to_vec(), 4, &["--to", "12"]),
        (whole[..starts[4] + 7].to_vec(), 4, &[]),
        (whole[..starts[5] - 1].to_vec(), 4, &[]),
        // What a power cut leaves of bytes that were not on the disk.
        ([&whole[..starts[7]], &[0; 5000]].concat(), 7, &[]),
        (
            [&whole[..starts[7] + 50], b"garbage".repeat(1000).as_slice()].concat(),
            7,
            &[],
        ),
        (flipped, 2, &[]),
        (whole.clone(), BLOCKS, &[]),
        ([&whole[..], b"garbage"].concat(), BLOCKS, &[]),
    ] {
        fs::remove_file(&file).unwrap();
        fs::write(&part, left).unwrap();
        goes_on(known, arguments);
    }
    // The part says where it ends, though the chain has grown.
    let low = path("low");
    done(source.path(), &["export-blocks", "--out", &low, "--to", "5"]);
    let low = fs::read(low).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&part, &low[..starts[3]]).unwrap();
    let told = done(source.path(), &["export-blocks", "--out", &file]);
    assert_eq!((&told["known_before"], &told["to"]), (&3.into(), &5.into()));
    assert!(fs::read(&file).unwrap() == low);

    // Wherever it was cut; without a process for each.
    let chain = open(source.path());
    for cut in (0..whole.len()).step_by(97) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&whole[..cut]).unwrap();
        file.rewind().unwrap();
        let mut heights = Vec::new();
        let mut observe = |height: Height, last: Height| {
            assert_eq!(last, Height(BLOCKS));
            heights.push(height.0);
        };
        let exported = blocks::resume(&chain.chain, Height(1), None, &mut file, &mut observe).unwrap();
        assert_eq!(heights, Vec::from_iter(1..=BLOCKS));
        let known = starts.iter().filter(|start| **start <= cut).count().saturating_sub(1);
        assert_eq!(exported.known as usize, known, "cut at {cut}");
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert!(bytes == whole, "cut at {cut}");
    }
}

#[test]
fn an_export_does_not_go_on_with_another() {
    let source = some_chain();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, part) = (path("file"), path("file.part"));
    done(source.path(), &["export-blocks", "--out", &file]);
    let whole = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let mut input = &whole[..];
    let mut reader = blocks::Reader::new(&mut input).unwrap();
    let header = reader.header().clone();
    let all: Vec<_> = std::iter::from_fn(|| Some(reader.next_block().unwrap()?.1)).collect();
    let mut fork = all.clone();
    fork[1].block.header.state_root = Hash::zero();
    let written = |genesis: Hash, (first, last), blocks: &[FinalBlock]| {
        let (first, last) = (Height(first), Height(last));
        let mut bytes = Vec::new();
        let header = FileHeader { genesis, first, last };
        let mut writer = blocks::Writer::new(&mut bytes, &header).unwrap();
        blocks.iter().for_each(|block| writer.write(block).unwrap());
        bytes
    };
    let ours = header.genesis;
    let other_chain = written(Hash::repeat_byte(7), (1, BLOCKS), &all);
    let forked = written(ours, (1, BLOCKS), &fork);
    let (higher, longer) = (written(ours, (4, BLOCKS), &all[3..]), written(ours, (1, 99), &all));
    let mut older = whole[..52].to_vec();
    older[8] = 1;
    older.extend(&quids_crypto::blake3_256(&older)[..8]);
    let genesis = format!("{:?}, not of that with {ours:?}", Hash::repeat_byte(7));
    for (left, arguments, said) in [
        (other_chain, &[][..], genesis.as_str()),
        (forked, &[], "its block 2 is 0x"),
        (higher, &[], "it is for blocks 4 to 12, not 1 to the last"),
        (longer, &[], "no block 99: the last one is 12"),
        (whole.clone(), &["--from", "2"], "for blocks 1 to 12, not 2 to the last"),
        (whole.clone(), &["--to", "5"], "it is for blocks 1 to 12, not 1 to 5"),
        (older, &[], "it has format version 1, not 3"),
        (b"hello".to_vec(), &[], "does not begin with QUIDSBLK"),
        (whole[1..].to_vec(), &[], "does not begin with QUIDSBLK"),
    ] {
        fs::write(&part, &left).unwrap();
        let remedy = if said.starts_with("no block") {
            "choose"
        } else {
            "; remove it to begin anew"
        };
        refused(
            source.path(),
            &[&["export-blocks", "--out", &file][..], arguments].concat(),
            &["file.part stays unfinished", said, remedy],
        );
        assert!(fs::read(&part).unwrap() == left, "{said}: it was changed");
    }
    fs::write(&file, "there").unwrap();
    refused(source.path(), &["export-blocks", "--out", &file], &["cannot create"]);
    assert!(fs::read(&part).unwrap() == whole[1..]);
}

#[test]
fn an_import_that_is_killed_goes_on() {
    let source = some_chain();
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("blocks");
    let file = file.to_str().unwrap();
    done(source.path(), &["export-blocks", "--out", file]);
    for point in ["db-before-write:4", "db-before-sync:3", "db-after-sync:3"] {
        let status = Command::new(env!("CARGO_BIN_EXE_quids"))
            .args(["import-blocks", file, "--base-path"])
            .arg(target.path())
            .env("QUIDS_CRASH_AT", point)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success(), "{point}: it did not die there");
    }
    let told = done(target.path(), &["import-blocks", file]);
    let (imported, skipped) = (
        told["imported"].as_u64().unwrap(),
        told["known_before"].as_u64().unwrap(),
    );
    assert_eq!(imported + skipped, u64::from(BLOCKS));
    assert!(skipped > 0, "the killed ones did nothing");
    assert_eq!(open(target.path()).chain.best(), open(source.path()).chain.best());
}

#[test]
fn a_chain_begins_with_a_snapshot() {
    const AT: u32 = 5;
    let source = some_chain();
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, blocks, bad) = (path("snapshot"), path("blocks"), path("bad"));
    let told = done(source.path(), &["snapshot", "export", "--at", "5", "--out", &file]);
    let hash = told["block"].as_str().unwrap().to_owned();
    assert_eq!(told["height"], AT);
    done(source.path(), &["export-blocks", "--out", &blocks, "--from", "6"]);
    refused(
        source.path(),
        &["snapshot", "export", "--at", "99", "--out", &path("x")],
        &["no block at height 99"],
    );
    // What an interrupted export left is gone on with, whatever it is; that of another block only if none was asked for.
    let (good, more, part) = (fs::read(&file).unwrap(), path("more"), path("more.part"));
    let export = ["snapshot", "export", "--at", "5", "--out", &more];
    let damaged = [&good[..good.len() / 2], &[1; 100]].concat();
    let cuts = [5, 100, good.len() / 3, good.len() - 3, good.len()].map(|cut| good[..cut].to_vec());
    for left in cuts.into_iter().chain([damaged, [&good[..], &[7]].concat()]) {
        fs::write(&part, &left).unwrap();
        done(source.path(), &export);
        assert_eq!(fs::read(&more).unwrap(), good, "{} bytes were left", left.len());
        fs::remove_file(&more).unwrap();
    }
    let fourth = path("fourth");
    done(source.path(), &["snapshot", "export", "--at", "4", "--out", &fourth]);
    let fourth = fs::read(&fourth).unwrap();
    for left in [&fourth[..], b"something else"] {
        fs::write(&part, left).unwrap();
        refused(source.path(), &export, &["more.part", "cannot go on with it"]);
        assert_eq!(fs::read(&part).unwrap(), left);
    }
    fs::write(&part, &fourth[..fourth.len() - 100]).unwrap();
    assert_eq!(
        done(source.path(), &["snapshot", "export", "--out", &more])["height"],
        4
    );
    assert_eq!(fs::read(&more).unwrap(), fourth);
    let import = |base: &Path, file: &str, said: &[&str]| {
        refused(base, &["snapshot", "import", file, "--block", &hash], said);
    };
    import(source.path(), &file, &["has blocks already"]);

    // What is no snapshot, or that of another block or chain.
    fs::write(&bad, "hello").unwrap();
    import(target.path(), &bad, &["does not begin with QUIDSNAP"]);
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
    let other = format!("0x{}", "7".repeat(64));
    let wrong_block = ["snapshot", "import", &file, "--block", &other];
    refused(target.path(), &wrong_block, &["the file has block 5", &other]);
    let wrong_chain = ["snapshot", "import", &file, "--block", &hash, "--chain", "local"];
    refused(target.path(), &wrong_chain, &["of the chain with genesis"]);
    // Other extrinsics than the block's, which no hash of the state tells.
    let mut input = &good[..];
    let mut reader = quids_node::snapshot::Reader::new(&mut input).unwrap();
    let block = reader.block().clone();
    let chunks: Vec<_> = std::iter::from_fn(|| reader.next_chunk().unwrap()).collect();
    assert_eq!(told["chunks"], chunks.len());
    let (mut shorter, mut signed_otherwise) = (block.clone(), block);
    shorter.body.pop().unwrap();
    // The last bytes are the call's: a signature lies before.
    let extrinsic = &mut signed_otherwise.body.last_mut().unwrap().0;
    let middle = extrinsic.len() / 2;
    extrinsic[middle] ^= 1;
    let fresh = tempfile::tempdir().unwrap();
    for (block, said) in [(shorter, "their root"), (signed_otherwise, "their signatures")] {
        let mut bytes = Vec::new();
        let mut writer = quids_node::snapshot::Writer::new(&mut bytes, &block).unwrap();
        chunks.iter().for_each(|chunk| writer.write(chunk).unwrap());
        fs::write(&bad, &bytes).unwrap();
        import(fresh.path(), &bad, &["not those of block 5", said]);
    }
    // With the right file it goes on.
    done(fresh.path(), &["snapshot", "import", &file, "--block", &hash]);
    // Damage in every part, and a file that ends anywhere or goes on.
    for at in [20, good.len() / 3, good.len() - 3] {
        let mut damaged = good.clone();
        damaged[at] ^= 1;
        fs::write(&bad, &damaged).unwrap();
        import(target.path(), &bad, &["damaged"]);
        fs::write(&bad, &good[..at]).unwrap();
        import(target.path(), &bad, &["ends"]);
    }
    fs::write(&bad, [&good[..], &good[12..]].concat()).unwrap();
    import(target.path(), &bad, &["damaged"]);

    // A node does not start on what is not whole; the import goes on.
    let opened = TestChain::open(&target.path().join("chains/dev"), &ChainOptions::default());
    assert!(opened.err().unwrap().to_string().contains("has not ended"));
    let told = done(target.path(), &["snapshot", "import", &file, "--block", &hash]);
    assert_eq!((&told["height"], &told["block"]), (&AT.into(), &hash.as_str().into()));
    assert_eq!(told["chunks"], chunks.len());
    let chain = open(target.path());
    let (height, best) = chain.chain.best();
    assert_eq!(height, Height(AT));
    let evm = chain.chain.evm_block(best).unwrap().unwrap();
    assert_eq!(*evm, *open(source.path()).chain.evm_block(best).unwrap().unwrap());
    drop(chain);
    // All blocks, of which it needs those above its first.
    let all = path("all");
    done(source.path(), &["export-blocks", "--out", &all]);
    assert_eq!(done(target.path(), &["import-blocks", &all])["known_before"], AT);
    assert_eq!(open(target.path()).chain.best(), open(source.path()).chain.best());
    done(target.path(), &["db", "verify"]);
    let again = path("again");
    refused(
        target.path(),
        &["export-blocks", "--out", &again],
        &["block 1 is not there", "snapshot of block 5"],
    );
    done(target.path(), &["export-blocks", "--out", &again, "--from", "6"]);
    assert_eq!(fs::read(&again).unwrap(), fs::read(&blocks).unwrap());
}

#[test]
fn a_folder_is_shown_guarded_and_purged() {
    let folder = some_chain();
    let info = done(folder.path(), &["db", "info"]);
    assert_eq!(
        (&info["format"], &info["finalised"]),
        (&quids_db::FORMAT_VERSION.into(), &info["best"])
    );
    let columns = info["columns"].as_array().unwrap();
    let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    let evm = ["evm_blocks", "evm_transactions", "evm_logs", "evm_postings"];
    let state = ["state", "branches", "diffs", "changes"];
    assert_eq!(names[..4], ["meta", "headers", "numbers", "bodies"]);
    assert_eq!(names[4..6], ["justifications", "journal"]);
    assert_eq!((&names[6..10], names[10]), (&state[..], "extras"));
    assert_eq!(names[11..], evm);
    assert_eq!(columns[1]["entries_estimate"], BLOCKS + 1);
    assert!(columns[6]["bytes"].as_u64().unwrap() > 100_000);

    // While a node runs, nobody else gets at it, and who has it is told.
    let mut node = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["run", "--dev", "--rpc-port", "0", "--sealing", "instant", "--base-path"])
        .arg(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stderr.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("genesis 0x")),
        "the node does not run"
    );
    let by = format!("process {}", node.id());
    for arguments in [
        &["db", "info"][..],
        &["purge-chain", "-y"],
        &["export-blocks", "--out", "/tmp/never"],
    ] {
        refused(folder.path(), arguments, &["in use by another process", "stop it"]);
        #[cfg(target_os = "linux")]
        refused(folder.path(), arguments, &[&by]);
    }
    node.kill().unwrap();
    node.wait().unwrap();

    refused(folder.path(), &["purge-chain"], &["say so with -y"]);
    assert_eq!(done(folder.path(), &["db", "info"])["best"], info["best"]);
    done(folder.path(), &["purge-chain", "-y"]);
    for arguments in [
        &["db", "info"][..],
        &["purge-chain", "-y"],
        &["export-blocks", "--out", "/tmp/never"],
    ] {
        refused(folder.path(), arguments, &["there is no database in", "--base-path"]);
    }
    assert!(!folder.path().join("chains/dev/db").exists(), "looking made a database");
}

#[test]
fn a_database_is_saved_and_brought_back() {
    let (folder, elsewhere) = (some_chain(), tempfile::tempdir().unwrap());
    let backups = tempfile::tempdir().unwrap();
    let to = backups.path().to_str().unwrap();
    for id in 1..=2 {
        assert_eq!(
            done(folder.path(), &["db", "backup", "--to", to, "--keep", "1"])["id"],
            id
        );
    }
    let list = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["db", "backups", to, "--json"])
        .output()
        .unwrap();
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list["backups"].as_array().unwrap().len(), 1);
    refused(folder.path(), &["db", "restore", "--from", to], &["is there already"]);
    refused(
        elsewhere.path(),
        &["db", "restore", "--from", to, "--id", "1"],
        &["no such backup"],
    );
    done(elsewhere.path(), &["db", "restore", "--from", to]);
    assert_eq!(done(elsewhere.path(), &["db", "verify"])["damaged"], 0);
    assert_eq!(
        done(elsewhere.path(), &["db", "info"])["best"],
        done(folder.path(), &["db", "info"])["best"]
    );
}

/// A bit of a file flips: reading everything finds it, and says where.
#[test]
fn a_database_is_verified() {
    let folder = some_chain();
    let whole = done(folder.path(), &["db", "verify", "--repair"]);
    assert_eq!((&whole["damaged"], &whole["left"]), (&0.into(), &0.into()));
    assert!(whole["entries"].as_u64().unwrap() > 100, "{whole}");
    let compact = done(folder.path(), &["db", "compact"]);
    assert!(compact["bytes_after"].as_u64().unwrap() > 100_000);

    let db = folder.path().join("chains/dev/db");
    let files = fs::read_dir(&db).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "sst"));
    let largest = files.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).unwrap();
    // The runtime's code is the largest value.
    let output = quids(folder.path(), &["db", "verify", "--repair"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("state: what follows cannot be read"), "{told}");
    assert!(told.contains("restore a backup"), "{told}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("damaged or missing"), "{error}");
}

/// Each file in turn is gone: what can be made again is, and the past is given up only if that is asked for.
#[test]
fn a_file_that_is_gone_costs_no_more_than_is_asked_for() {
    let folder = some_chain();
    done(folder.path(), &["db", "compact"]);
    let db = folder.path().join("chains/dev/db");
    let files: Vec<_> = fs::read_dir(&db).unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_table = |path: &Path| path.extension().is_some_and(|extension| extension == "sst");
    let mut seen = std::collections::BTreeSet::new();
    for gone in files.iter().filter(|path| is_table(path)) {
        let copy = tempfile::tempdir().unwrap();
        let to = copy.path().join("chains/dev/db");
        fs::create_dir_all(&to).unwrap();
        for file in files.iter().filter(|file| *file != gone) {
            fs::copy(file, to.join(file.file_name().unwrap())).unwrap();
        }
        refused(copy.path(), &["db", "info"], &["cannot be read", "`quids db verify`"]);
        let told = quids(copy.path(), &["db", "verify", "--json"]);
        let Ok(told) = serde_json::from_slice::<Value>(&told.stdout) else {
            // Without what it holds nothing can be told.
            assert!(String::from_utf8_lossy(&told.stderr).contains("meta"), "{told:?}");
            seen.insert("meta".to_owned());
            continue;
        };
        let column = told["damages"][0]["column"].as_str().unwrap().to_owned();
        let repaired = quids(copy.path(), &["db", "verify", "--repair", "--json"]);
        let report: Value = serde_json::from_slice(&repaired.stdout).unwrap();
        match &*column {
            "numbers" | "branches" | "changes" => {
                assert!(repaired.status.success(), "{report}");
                assert_eq!(report["left"], 0, "{report}");
            }
            "diffs" => {
                assert!(!repaired.status.success(), "{report}");
                let remedy = report["would_take"][0].as_str().unwrap();
                assert!(remedy.contains("--give-up-history"), "{report}");
                assert_ne!(report["left"], 0, "{report}");
                let given_up = done(copy.path(), &["db", "verify", "--repair", "--give-up-history"]);
                assert_eq!(given_up["left"], 0, "{given_up}");
            }
            _ => {
                assert!(!repaired.status.success(), "{report}");
                assert_ne!(report["left"], 0, "{report}");
                seen.insert(column);
                continue;
            }
        }
        assert_eq!(done(copy.path(), &["db", "verify"])["damaged"], 0, "{column}");
        seen.insert(column);
    }
    for column in [
        "meta", "headers", "numbers", "branches", "changes", "diffs", "state", "bodies",
    ] {
        assert!(seen.contains(column), "{column} of {seen:?}");
    }
    refused(folder.path(), &["db", "verify", "--give-up-history"], &["--repair"]);
}

#[test]
fn a_database_is_counted_pruned_and_written_anew() {
    let folder = some_chain();
    let columns = |stats: &Value| -> Vec<String> {
        let columns = stats["columns"].as_array().unwrap().iter();
        columns
            .map(|column| column["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let trained = done(folder.path(), &["db", "train-dictionary"]);
    assert!(trained["bytes_after"].as_u64().unwrap() > 100_000, "{trained}");
    let stats = done(folder.path(), &["db", "stats"]);
    assert_eq!(columns(&stats).len(), 15);
    let column = |name: &str| {
        let all = stats["columns"].as_array().unwrap();
        all.iter().find(|column| column["name"] == name).unwrap().clone()
    };
    assert_eq!(column("headers")["entries"], u64::from(BLOCKS) + 1);
    // The runtime's code is most of the state, and compresses.
    assert!(column("state")["compression"].as_f64().unwrap() > 1.5, "{stats}");
    assert!(column("state")["raw_bytes"].as_u64() > column("state")["file_bytes"].as_u64());
    assert_eq!(column("headers")["is_compressed"], false);
    let text = quids(folder.path(), &["db", "stats"]);
    assert!(String::from_utf8(text.stdout).unwrap().contains("evm_postings"));

    refused(folder.path(), &["db", "prune"], &["--keep"]);
    refused(folder.path(), &["db", "prune", "--keep", "15"], &["15"]);
    assert_eq!(
        done(folder.path(), &["db", "prune", "--keep", "16"])["states_pruned"],
        0
    );
    assert_eq!(done(folder.path(), &["db", "verify"])["damaged"], 0);
}
