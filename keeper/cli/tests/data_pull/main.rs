//! `ballast data pull` against a local server in the place of the public APIs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod published;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::Path as FilePath,
    process::Output,
    sync::{Arc, Mutex},
};

const POOL: &str = "aa70268e-4b52-42bf-a116-608b370f9501";
/// 2025-03-01.
const START: u64 = 1_740_787_200;
const DAY: u64 = 86_400;
/// Slots of the chain.
const SLOT: u64 = 12;

#[derive(Default)]
struct Api {
    asked: Vec<String>,
    /// Coins whose prices cannot be had now.
    down: Vec<&'static str>,
    /// What the pool's chart says in the place of the truth, by day.
    changed: BTreeMap<u64, Value>,
}

type Shared = Arc<Mutex<Api>>;

async fn chart(State(api): State<Shared>, Path(pool): Path<String>) -> Json<Value> {
    let mut api = api.lock().unwrap();
    api.asked.push(pool);
    let point = |day: u64| {
        let date = format!("2025-03-{:02}T23:01:27.655Z", day + 1);
        let apy = 4.0 + day as f64 / 100.0;
        let truth = json!({ "timestamp": date, "tvlUsd": 1_200_000_000_u64 + day, "apy": apy, "apyBase": apy, "apyReward": null });
        api.changed.get(&day).map_or(truth.clone(), |apy| {
            let mut changed = truth;
            changed["apyBase"] = apy.clone();
            changed
        })
    };
    let points: Vec<_> = (0..31).map(point).collect();
    Json(json!({ "status": "success", "data": points }))
}

async fn prices(
    State(api): State<Shared>,
    Path(coin): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    let mut api = api.lock().unwrap();
    api.asked.push(coin.clone());
    if api.down.iter().any(|down| coin.ends_with(down)) {
        return Err(StatusCode::NOT_FOUND);
    }
    let (start, span): (u64, u64) = (query["start"].parse().unwrap(), query["span"].parse().unwrap());
    assert_eq!(query["period"], "60m");
    let level = if coin.ends_with("ethereum") {
        2_000.0
    } else if coin.ends_with("bitcoin") {
        90_000.0
    } else {
        1.0
    };
    // Lowest at 06:00, highest at 18:00.
    let price = |time: u64| {
        let hour = time % DAY / 3_600;
        let change = if hour == 6 {
            -0.01
        } else if hour == 18 {
            0.005
        } else {
            0.0
        };
        level * (1.0 + change)
    };
    let points: Vec<_> = (0..span)
        .map(|n| start + n * 3_600)
        .map(|time| json!({ "timestamp": time + 7, "price": price(time) }))
        .collect();
    Ok(Json(json!({ "coins": { coin: { "symbol": "X", "confidence": 0.99, "decimals": 6, "prices": points } } })))
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

async fn rpc(Json(request): Json<Value>) -> Json<Value> {
    const NEWEST: u64 = 40 * DAY / SLOT;
    let word = |number: u64| format!("0x{number:064x}");
    let result = match request["method"].as_str().unwrap() {
        "eth_getBlockByNumber" => {
            let at = &request["params"][0];
            let at = if at == "latest" { NEWEST } else { number(at) };
            json!({
                "hash": word(at), "parentHash": word(at), "sha3Uncles": word(0), "miner": format!("0x{:040x}", 0),
                "stateRoot": word(0), "transactionsRoot": word(0), "receiptsRoot": word(0), "logsBloom": format!("0x{:0512x}", 0),
                "difficulty": "0x0", "number": format!("{at:#x}"), "gasLimit": "0x1c9c380", "gasUsed": "0x0",
                "timestamp": format!("{:#x}", START + at * SLOT), "extraData": "0x", "mixHash": word(0),
                "nonce": "0x0000000000000000", "baseFeePerGas": "0x1", "uncles": [], "transactions": [], "size": "0x1"
            })
        }
        "eth_feeHistory" => {
            let blocks = number(&request["params"][0]);
            let last = number(&request["params"][1]);
            let fees = vec!["0x4a817c800"; usize::try_from(blocks).unwrap() + 1];
            json!({
                "oldestBlock": format!("{:#x}", last + 1 - blocks), "baseFeePerGas": fees,
                "gasUsedRatio": vec![0.5; usize::try_from(blocks).unwrap()],
                "reward": vec![["0x3b9aca00"]; usize::try_from(blocks).unwrap()]
            })
        }
        other => panic!("{other} was asked"),
    };
    Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
}

struct Place {
    url: String,
    api: Shared,
    directory: tempfile::TempDir,
}

impl Place {
    async fn start() -> Self {
        let api = Shared::default();
        let router = Router::new()
            .route("/yields/chart/{pool}", get(chart))
            .route("/coins/chart/{coin}", get(prices))
            .route("/rpc/SECRETKEY", post(rpc))
            .merge(published::router())
            .with_state(Arc::clone(&api));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, api, directory: tempfile::tempdir().unwrap() }
    }

    fn out(&self) -> &FilePath {
        self.directory.path()
    }

    async fn ballast(&self, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ballast"));
        command.args(["data"]).args(arguments).env("BALLAST_PULL_RPC", format!("{}/rpc/SECRETKEY", self.url));
        command.env("GLASSNODE_API_KEY", "SECRETKEY").env_remove("COINGLASS_API_KEY");
        command.output().await.unwrap()
    }

    /// Of March 2025, four days at least.
    async fn pull(&self, more: &[&str]) -> Output {
        let out = self.out().to_str().unwrap().to_owned();
        let (yields, coins) = (format!("{}/yields", self.url), format!("{}/coins", self.url));
        let pool = format!("aave,v3,ethereum,USDC,{POOL}");
        let mut arguments =
            vec!["pull", "--out", &out, "--yields-url", &yields, "--prices-url", &coins, "--pool", &pool];
        arguments.extend(["--since", "2025-03-01"]);
        if !more.contains(&"--requests-per-minute") {
            arguments.extend(["--requests-per-minute", "100000"]);
        }
        if !more.contains(&"--until") {
            arguments.extend(["--until", "2025-03-29"]);
        }
        arguments.extend(more);
        self.ballast(&arguments).await
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.api.lock().unwrap().asked)
    }

    /// The lines of a file.
    fn lines(&self, name: &str) -> Vec<String> {
        let mut text = String::new();
        let file = fs::File::open(self.out().join(format!("{name}.csv.gz"))).unwrap();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.out()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

// SPEC D4, D13
#[tokio::test(flavor = "multi_thread")]
async fn files_have_the_columns_of_the_data_set_and_pass_its_own_checks() {
    let place = Place::start().await;
    let pulled = place.pull(&[]).await;
    assert_eq!(pulled.status.code(), Some(0), "{}", text(&pulled));
    assert_eq!(
        place.names(),
        [
            "eth_btc_daily.csv.gz",
            "eth_gas_daily.csv.gz",
            "lending_rates_daily.csv.gz",
            "manifest.json",
            "refused.tsv",
            "stablecoin_prices_daily.csv.gz"
        ]
    );
    let lending = place.lines("lending_rates_daily");
    assert_eq!(lending.len(), 29);
    assert_eq!(lending[2], format!("2025-03-02,defillama,aave,v3,ethereum,USDC,{POOL},4.01,,1200000001,,"));
    let prices = place.lines("stablecoin_prices_daily");
    assert_eq!(prices.len(), 1 + 4 * 28);
    assert!(
        prices.contains(
            &"2025-03-03T00:00:00Z,USDC,1,1.005,0.99,1,,,,2025-03-03T18:00:07Z,2025-03-03T06:00:07Z,defillama_hourly"
                .to_owned()
        )
    );
    assert!(
        place.lines("eth_btc_daily").contains(&"2025-03-28,ETH,defillama_hourly,2000,2010,1980,2000,,,".to_owned())
    );
    let gas = place.lines("eth_gas_daily");
    assert_eq!((gas.len(), gas[1].as_str()), (29, "2025-03-01,21,,,,,,,,,"), "20 gwei and a tip of 1");
    assert!(text(&pulled).contains("eth_gas_daily.csv.gz: 28 rows\n  each of 24 to 24 samples"), "{}", text(&pulled));

    // Where the data set of the project is, its headers are the same.
    let shared = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    for name in ["lending_rates_daily", "stablecoin_prices_daily", "eth_btc_daily", "eth_gas_daily"] {
        let Ok(file) = fs::File::open(shared.join(format!("{name}.csv.gz"))) else {
            eprintln!("skipped: the data set is not beside the repository, {name}'s header was not compared");
            continue;
        };
        let mut header = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(flate2::read::GzDecoder::new(file)), &mut header)
            .unwrap();
        assert_eq!(place.lines(name)[0], header.trim_end(), "{name}");
    }
    let out = place.out().to_str().unwrap();
    let verified = place.ballast(&["manifest", "--data", out, "--verify"]).await;
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    let checked = place.ballast(&["check", "--data", out, "--json"]).await;
    assert!(checked.status.code().is_some(), "{}", text(&checked));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(checked.to_string().contains("usdc"), "{checked}");
    assert!(!text(&pulled).contains("SECRETKEY"), "{}", text(&pulled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_again_gives_the_same_bytes() {
    let place = Place::start().await;
    let hashes = async || {
        let pulled = place.pull(&["--json"]).await;
        assert_eq!(pulled.status.code(), Some(0), "{}", text(&pulled));
        serde_json::from_slice::<Value>(&pulled.stdout).unwrap()["manifest"].clone()
    };
    let first = hashes().await;
    assert_eq!(first["files"].as_object().unwrap().len(), 4);
    assert_eq!(hashes().await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_had_leaves_the_old_file_and_the_next_pull_asks_for_the_rest_only() {
    let place = Place::start().await;
    let only = ["--source", "prices"];
    assert_eq!(place.pull(&[only[0], only[1], "--until", "2025-03-05"]).await.status.code(), Some(0));
    let old = place.lines("stablecoin_prices_daily");

    place.api.lock().unwrap().down = vec!["tether"];
    place.asked();
    let failed = place.pull(&only).await;
    assert_eq!(failed.status.code(), Some(1));
    let said = text(&failed);
    for words in ["stablecoin_prices_daily.csv.gz: NOT written", "USDT_2025-", "HTTP 404", "goes on from there"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("eth_btc_daily.csv.gz: 56 rows"), "the other file is whole: {said}");
    assert_eq!(place.lines("stablecoin_prices_daily"), old);
    assert!(place.names().contains(&".pull".to_owned()));

    place.api.lock().unwrap().down.clear();
    place.asked();
    let resumed = place.pull(&only).await;
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed));
    let stable: Vec<_> =
        place.asked().into_iter().filter(|coin| !coin.ends_with("ethereum") && !coin.ends_with("bitcoin")).collect();
    assert!(!stable.is_empty() && stable.iter().all(|coin| coin == "coingecko:tether"), "{stable:?}");
    assert!(text(&resumed).contains("parts were there from an earlier pull"), "{}", text(&resumed));
    assert_eq!(place.lines("stablecoin_prices_daily").len(), 1 + 4 * 28);
    assert!(!place.names().contains(&".pull".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_part_is_asked_for_again() {
    let place = Place::start().await;
    place.api.lock().unwrap().down = vec!["tether"];
    assert_eq!(place.pull(&["--source", "prices"]).await.status.code(), Some(1));
    let parts = place.out().join(".pull/stablecoin_prices_daily");
    let torn = fs::read_dir(&parts).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    place.api.lock().unwrap().down.clear();
    assert_eq!(place.pull(&["--source", "prices"]).await.status.code(), Some(0));
    assert_eq!(place.lines("stablecoin_prices_daily").len(), 1 + 4 * 28);
}

// SPEC D10
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_is_left_out_and_listed_with_the_reason() {
    let place = Place::start().await;
    place.api.lock().unwrap().changed =
        [(3, json!(-1.5)), (4, json!(4_000.0)), (5, json!("NaN"))].into_iter().collect();
    let pulled = place.pull(&["--source", "lending"]).await;
    assert_eq!(pulled.status.code(), Some(0), "{}", text(&pulled));
    assert!(text(&pulled).contains("3 rows of the answers were refused"), "{}", text(&pulled));
    let refused = fs::read_to_string(place.out().join("refused.tsv")).unwrap();
    for words in ["row 3: pool#supply_apr is -0.015", "row 4: pool#supply_apr is 40, expected", "row 5: at apyBase"] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    let lending = place.lines("lending_rates_daily");
    // The size of the first two days is good all the same.
    assert!(
        lending.contains(&format!("2025-03-04,defillama,aave,v3,ethereum,USDC,{POOL},,,1200000003,,")),
        "{lending:?}"
    );
    assert!(!lending.iter().any(|line| line.starts_with("2025-03-06")), "{lending:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_usage_is_said_in_words() {
    let place = Place::start().await;
    for (arguments, code, words) in [
        (vec!["--until", "2024-01-01"], 2, "expected at least one day"),
        (vec!["--until", "2999-01-01"], 2, "in the future"),
        (vec!["--source", "weather"], 2, "possible values: lending, prices, gas"),
        (vec!["--pool", "aave"], 2, "expected protocol,version,chain,asset,uuid"),
        (vec!["--requests-per-minute", "1"], 2, "1 is not in 2.."),
    ] {
        let refused = place.pull(&arguments).await;
        assert!(
            refused.status.code() == Some(code) && text(&refused).contains(words),
            "{arguments:?}: {}",
            text(&refused)
        );
    }
    for sources in [&["--source", "gas"][..], &["--source", "prices", "--source", "gas"]] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ballast"));
        command.args(["data", "pull", "--out"]).arg(place.out()).args(sources).env_remove("BALLAST_PULL_RPC");
        let refused = command.output().await.unwrap();
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
        assert!(text(&refused).contains("expected one with --rpc or in BALLAST_PULL_RPC"), "{}", text(&refused));
        assert_eq!(place.names(), Vec::<String>::new(), "nothing is pulled before");
    }
    let out = place.out().join("file");
    fs::write(&out, "").unwrap();
    let refused = place.ballast(&["pull", "--out", out.to_str().unwrap(), "--source", "lending"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("cannot be made"), "{}", text(&refused));
}
