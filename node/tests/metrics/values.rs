//! What a node's metrics say while it works: values move as the chain does, and nodes do not mix.

use crate::node::{Running, block_on};
use quids_metrics::{Kind, names};
use quids_node::Sealing;
use std::time::Duration;

#[test]
fn values_follow_the_chain_and_two_nodes_do_not_mix() {
    block_on(async {
        let busy = Running::start(Sealing::Instant).await;
        let idle = Running::start(Sealing::Instant).await;
        let before = busy.scrape_all().await;
        assert_eq!(before.sum("quids_chain_best_height", &[]), 0.0);
        assert_eq!(before.sum("quids_db_commits_total", &[]), 1.0, "genesis");
        assert_eq!(before.sum("quids_chain_block_extrinsics_count", &[]), 0.0);

        tokio::task::block_in_place(|| {
            for nonce in 0..20 {
                busy.transfer(nonce).unwrap();
            }
        });
        let included = [("reason", "included")];
        let after = busy
            .scrape_until("20 transfers included", |scraped| {
                // They are counted before they are gone.
                scraped.sum("quids_pool_left_transactions_total", &included) == 20.0
                    && scraped.sum("quids_pool_transactions", &[]) == 0.0
            })
            .await;
        let height = after.sum("quids_chain_best_height", &[]);
        assert!((1.0..=20.0).contains(&height), "{height}");
        let (best, _) = busy.node.chain().best();
        assert_eq!(height, f64::from(best.0));
        for (name, labels, expected) in [
            ("quids_chain_finalised_height", vec![], height),
            ("quids_chain_block_extrinsics_count", vec![], height),
            // One inherent a block, and the transfers.
            ("quids_chain_block_extrinsics_sum", vec![], height + 20.0),
            ("quids_chain_block_build_seconds_count", vec![], height),
            ("quids_chain_block_import_seconds_count", vec![], 0.0),
            ("quids_chain_build_errors_total", vec![], 0.0),
            ("quids_chain_upgrades_total", vec![], 0.0),
            ("quids_chain_block_weight_seconds_count", vec![], height),
            // `Limits` of the runtime.
            ("quids_chain_block_weight_limit_seconds", vec![], 0.5),
            ("quids_db_commits_total", vec![], height + 1.0),
            ("quids_db_commit_seconds_count", vec![], height + 1.0),
            ("quids_pool_submitted_transactions_total", vec![], 20.0),
            ("quids_pool_transactions", vec![], 0.0),
            ("quids_pool_bytes", vec![], 0.0),
            // Verified when submitted, looked up when applied.
            (
                "quids_crypto_verification_seconds_count",
                vec![("scheme", "ml-dsa-87")],
                20.0,
            ),
            (
                "quids_crypto_verification_seconds_count",
                vec![("scheme", "falcon-512")],
                0.0,
            ),
            ("quids_crypto_invalid_signatures_total", vec![], 0.0),
            (
                "quids_executor_call_seconds_count",
                vec![("api", "BlockBuilder_finalize_block")],
                height,
            ),
            (
                "quids_executor_call_seconds_count",
                vec![("api", "BlockBuilder_apply_extrinsic")],
                height + 20.0,
            ),
            (
                "quids_executor_call_seconds_count",
                vec![("api", "BlockBuilder_fits")],
                20.0,
            ),
            (
                "quids_executor_call_seconds_count",
                vec![("api", "Core_execute_block")],
                0.0,
            ),
            ("quids_executor_failed_calls_total", vec![], 0.0),
            ("quids_executor_instances", vec![], 0.0),
            ("quids_rpc_connections", vec![], 0.0),
            ("quids_authoring_lateness_seconds_count", vec![], 0.0),
        ] {
            assert_eq!(after.sum(name, &labels), expected, "{name}{labels:?}");
        }
        for (name, labels, least) in [
            ("quids_crypto_remembered_signatures_total", vec![], 20.0),
            (
                "quids_executor_call_seconds_count",
                vec![("api", "TaggedTransactionQueue_validate_transaction")],
                20.0,
            ),
            // ML-DSA-87: a signature and a key each.
            ("quids_chain_block_bytes_sum", vec![], 20.0 * (4627.0 + 2592.0)),
            ("quids_db_written_bytes_total", vec![], 20.0 * (4627.0 + 2592.0)),
            ("quids_db_write_ahead_log_bytes", vec![], 20.0 * 4627.0),
            ("quids_db_memory_table_bytes", vec![("column", "bodies")], 20.0 * 4627.0),
            // 150 µs for each signature, and more for the rest.
            ("quids_chain_block_weight_seconds_sum", vec![], 20.0 * 150e-6),
            ("quids_state_cache_hits_total", vec![], 100.0),
            ("quids_state_cache_bytes", vec![], 1000.0),
            ("quids_chain_spec_version", vec![], 1.0),
            ("quids_chain_last_block_time_seconds", vec![], 1.7e9),
            ("quids_disk_available_bytes", vec![], 1e6),
            (
                "quids_hardware_verifications_per_second",
                vec![("scheme", "ml-dsa-87")],
                100.0,
            ),
            ("quids_build_info", vec![("version", env!("CARGO_PKG_VERSION"))], 1.0),
            ("process_resident_memory_bytes", vec![], 1e6),
        ] {
            let value = after.sum(name, &labels);
            assert!(value >= least, "{name}{labels:?} is {value}, not {least}");
        }
        assert!(after.sum("quids_crypto_verification_seconds_sum", &[]) < 10.0);
        assert!(after.sum("quids_chain_block_weight_seconds_sum", &[]) < 0.1);

        // A used nonce is refused, and counted by the error's number.
        let error = tokio::task::block_in_place(|| busy.transfer(0)).expect_err("nonce 0 was used");
        let code = error.code().to_string();
        let refused = busy.scrape();
        let counted = refused.sum("quids_pool_refused_transactions_total", &[("code", &code)]);
        assert_eq!(counted, 1.0, "{error}");

        let other = idle.scrape_all().await;
        for name in [
            "quids_chain_best_height",
            "quids_pool_submitted_transactions_total",
            "quids_crypto_remembered_signatures_total",
            "quids_chain_block_bytes_sum",
        ] {
            assert_eq!(other.sum(name, &[]), 0.0, "{name} of the other node");
        }
        busy.node.stop().await;
        idle.node.stop().await;
    });
}

#[test]
fn an_author_by_the_clock_says_how_late_it_is() {
    block_on(async {
        let node = Running::start(Sealing::Interval(Duration::from_millis(100))).await;
        let scraped = node
            .scrape_until("five blocks", |scraped| {
                scraped.sum("quids_chain_best_height", &[]) >= 5.0
            })
            .await;
        let (height, measured) = (
            scraped.sum("quids_chain_best_height", &[]),
            scraped.sum("quids_authoring_lateness_seconds_count", &[]),
        );
        // From the second block on; the next may have begun.
        assert!(measured == height - 1.0 || measured == height, "{measured} of {height}");
        node.node.stop().await;
    });
}

#[test]
fn every_name_follows_the_rules_and_counters_never_fall() {
    block_on(async {
        let node = Running::start(Sealing::Instant).await;
        let first = node.scrape_all().await;
        tokio::task::block_in_place(|| node.transfer(0)).unwrap();
        let second = node
            .scrape_until("a block", |scraped| scraped.sum("quids_chain_best_height", &[]) >= 1.0)
            .await;
        for (name, family) in &first.families {
            let kind = match family.kind.as_str() {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                _ => Kind::Histogram,
            };
            let labels: Vec<&str> = family.samples[0].labels.keys().map(String::as_str).collect();
            let labels: Vec<&str> = labels.into_iter().filter(|label| *label != "le").collect();
            names::check(name, kind, "Help.", &labels).unwrap_or_else(|error| panic!("{error}"));
            if kind == Kind::Gauge {
                continue;
            }
            for sample in &family.samples {
                let now = second.families[name].samples.iter();
                let now = now.filter(|other| other.name == sample.name && other.labels == sample.labels);
                let now: Vec<f64> = now.map(|sample| sample.value).collect();
                assert!(now.len() == 1 && now[0] >= sample.value, "{sample:?} became {now:?}");
            }
        }
        // What is described is what is there.
        let described: Vec<String> = node
            .node
            .registry()
            .descriptions()
            .iter()
            .map(|d| d.name.into())
            .collect();
        let never_here = |name: &String| {
            // Only with requests, which the server counts, and only after a refusal.
            name.starts_with("quids_rpc_") || name == "quids_pool_refused_transactions_total"
        };
        for name in described.iter().filter(|name| !never_here(name)) {
            assert!(second.families.contains_key(name), "{name} is described and not there");
        }
        for name in second.families.keys() {
            assert!(described.contains(name), "{name} is there and not described");
        }
        node.node.stop().await;
    });
}

#[test]
fn a_second_node_on_the_same_metrics_port_names_it() {
    block_on(async {
        let node = Running::start(Sealing::Instant).await;
        let taken = node.address;
        let folder = tempfile::tempdir().unwrap();
        let mut config = quids_node::NodeConfig::new(quids_node::ChainSpec::dev(), folder.path());
        config.rpc = None;
        config.metrics = Some(taken);
        let error = quids_node::Node::start(config).await.err().expect("the port is taken");
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
        node.node.stop().await;
    });
}
