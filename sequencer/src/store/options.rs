//! Settings of RocksDB.

use rocksdb::{BlockBasedOptions, ColumnFamilyDescriptor, DBCompressionType, Options};

use super::tables;

/// Returns the settings of the whole store.
pub(super) fn database() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    options.set_atomic_flush(true);
    options.set_max_open_files(512);
    options.set_keep_log_file_num(4);
    options.set_max_total_wal_size(256 << 20);
    options
}

/// Returns the tables with their settings.
pub(super) fn families() -> impl Iterator<Item = ColumnFamilyDescriptor> {
    tables::ALL.iter().map(|name| {
        let mut options = Options::default();
        options.set_compression_type(DBCompressionType::None);
        let mut blocks = BlockBasedOptions::default();
        blocks.set_bloom_filter(10.0, false);
        options.set_block_based_table_factory(&blocks);
        ColumnFamilyDescriptor::new(*name, options)
    })
}
