//! History that nobody lived through, for whoever has none: files of the same names and columns, the same on every machine.
//!
//! Rates return to a mean and are squeezed now and then, gas has spikes, the peg wavers. Good for seeing the machinery move; it says nothing of any market.

use crate::time::{DAY, date};
use flate2::{Compression, write::GzEncoder};
use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

/// The protocols, their mean supply rate in percent a year and their size in USD.
const VENUES: [(&str, f64, f64); 4] =
    [("aave", 4.5, 900e6), ("compound", 4.2, 450e6), ("fluid", 5.6, 280e6), ("morpho", 6.1, 350e6)];
/// What every row's source is called.
pub const SOURCE: &str = "synthetic";

/// Writes `days` days from `start` (Unix seconds of a midnight) on into `directory`.
///
/// # Errors
/// If it cannot be written.
pub fn write(directory: &Path, start: u64, days: u64, seed: u64) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut random = Random(seed);
    let mut rates = String::from(
        "date_utc,source_id,protocol,version,chain,asset,pool,supply_apy_pct,borrow_apy_pct,tvl_usd,borrowed_usd,utilization\n",
    );
    for (protocol, mean, size) in VENUES {
        let (mut rate, mut supplied) = (mean, size);
        for day in 0..days {
            rate += (mean - rate) * 0.05 + random.normal() * 0.25;
            if random.uniform() < 0.004 {
                rate += 8.0;
            }
            rate = rate.clamp(0.2, 40.0);
            supplied = (supplied * (1.0 + random.normal() * 0.01)).clamp(size * 0.5, size * 2.0);
            let used = (0.72 + (rate - mean) * 0.015).clamp(0.2, 0.94);
            let day = date(start + day * DAY);
            let _ = writeln!(
                rates,
                "{day},{SOURCE},{protocol},,ethereum,USDC,,{rate:.6},{:.6},{supplied:.2},{:.2},{used:.6}",
                rate / used / 0.9,
                supplied * used
            );
        }
    }
    let mut gas = String::from("date_utc,avg_gas_price_gwei,eth_price_usd\n");
    let mut prices = String::from("date_utc,symbol,close_usd,high_usd,low_usd,source_id\n");
    let mut treasury =
        String::from("date_utc,us_treasury_6m_pct,us_treasury_2y_pct,us_treasury_5y_pct,us_treasury_10y_pct\n");
    let (mut gwei, mut ether) = (12.0f64, 2_800.0f64);
    for day in 0..days {
        let day = date(start + day * DAY);
        gwei = (gwei + (12.0 - gwei) * 0.1 + random.normal() * 2.0).clamp(1.0, 200.0);
        if random.uniform() < 0.01 {
            gwei *= 4.0;
        }
        ether = (ether * (1.0 + random.normal() * 0.03)).clamp(800.0, 9_000.0);
        let peg = 1.0 + random.normal() * 0.0003;
        let _ = writeln!(gas, "{day},{gwei:.6},{ether:.2}");
        let _ = writeln!(prices, "{day}T00:00:00Z,USDC,{peg:.6},{:.6},{:.6},{SOURCE}", peg + 0.0005, peg - 0.0005);
        let _ = writeln!(treasury, "{day},4.2,4.0,3.9,4.1");
    }
    for (name, content) in [
        ("lending_rates_daily", rates),
        ("eth_gas_daily", gas),
        ("stablecoin_prices_daily", prices),
        ("us_treasury_yields_daily", treasury),
    ] {
        let file = File::create(directory.join(format!("{name}.csv.gz")))?;
        let mut encoder = GzEncoder::new(file, Compression::default());
        encoder.write_all(content.as_bytes())?;
        encoder.finish()?;
    }
    Ok(())
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}
