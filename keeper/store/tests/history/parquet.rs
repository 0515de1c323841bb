//! Tables as Parquet files, read by another implementation.
