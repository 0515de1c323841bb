//! How long a standby takes from its leader's death to running itself.

use crate::{postgres, process::Keeper, sample::Sample};
use ballast_devnet::{
    DevnetConfig,
    address_book::AddressBook,
    deploy::Terms,
    keeper_config::{HUB_MAX_POSITION, keeper_config},
    market::Market,
    prepared,
};
use std::{fs, path::Path, time::Duration};
use tokio::time::sleep;

const ROUNDS: u32 = 10;
const DATABASE_URL: &str = "BALLAST_DATABASE_URL";

#[derive(Debug, Default)]
pub(crate) struct Takeovers {
    pub(crate) sqlite: Sample,
    pub(crate) postgresql: Sample,
}

pub(crate) async fn measure(root: &Path) -> eyre::Result<Takeovers> {
    let directory = root.join("target/bench/takeover");
    drop(fs::remove_dir_all(&directory));
    let (devnet, book) = prepared::start(DevnetConfig::new(root), &Terms::default(), &directory).await?;
    Market::new(&devnet, &book)?.refresh_feeds().await?;
    let measured = async {
        let server = postgres::server();
        let url = server.url(&server.database().await);
        let on_file = Keeper::new(&config(&book, &directory, "path = \"keeper.sqlite\"")?);
        let store = format!("url_variable = \"{DATABASE_URL}\"");
        let in_database = Keeper::new(&config(&book, &directory, &store)?).with_secret(DATABASE_URL, &url);
        let mut takeovers = Takeovers::default();
        for round in 0..ROUNDS {
            take_over(&on_file, round, &mut takeovers.sqlite).await?;
            take_over(&in_database, round, &mut takeovers.postgresql).await?;
        }
        Ok(takeovers)
    };
    let takeovers = measured.await;
    devnet.shutdown().await?;
    takeovers
}

/// A configuration in a folder of its own, with this store.
fn config(book: &AddressBook, directory: &Path, store: &str) -> eyre::Result<std::path::PathBuf> {
    let folder = directory.join(store.split(' ').next().unwrap_or_default());
    fs::create_dir_all(&folder)?;
    let path = folder.join("keeper.toml");
    let text = keeper_config(book, HUB_MAX_POSITION).replace("path = \"keeper.sqlite\"", store);
    fs::write(&path, text)?;
    Ok(path)
}

async fn take_over(keeper: &Keeper, round: u32, sample: &mut Sample) -> eyre::Result<()> {
    let mut leader = keeper.start(&["run"])?;
    leader.says("keeper runs").await?;
    let mut standby = keeper.start(&["run", "--standby"])?;
    standby.says("standing by").await?;
    // A standby asks once a second: at any moment of that.
    sleep(Duration::from_secs(1) / ROUNDS * round).await;
    leader.kill().await?;
    sample.time_async(standby.says("keeper runs")).await?;
    standby.kill().await
}
