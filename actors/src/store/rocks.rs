//! RocksDB as this server uses it: options, each with its reason, and the column families.
//!
//! Owns: the database handle. Never: knows what is in a row, or decides whether a database may be opened (`open.rs`).

use super::batch::Numbers;
use super::schema::Family;
use crate::settings::StorageSettings;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRecoveryMode, Env, FlushOptions, LruCacheOptions, Options, WriteBufferManager,
};
use std::path::Path;
use std::sync::Once;
use std::thread;

/// How strictly the write-ahead log is read at open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Recovery {
    /// A half-written record at the very end is a crash; anything else is damage, and refused.
    Strict,
    /// Everything up to the first damage. Only where the operator accepted the loss, as the next.
    UpToDamage,
    /// Everything but what is damaged.
    AroundDamage,
}

/// An open database.
pub(super) struct Rocks {
    db: DB,
    numbers: Option<Numbers>,
}

impl Rocks {
    /// Opens for writing; creates what is missing.
    pub(super) fn open(path: &Path, settings: &StorageSettings, recovery: Recovery) -> Result<Self, rocksdb::Error> {
        make_flush_thread();
        let tuning = Tuning::new(settings);
        let mut options = tuning.database(settings, recovery)?;
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = DB::open_cf_descriptors(&options, path, tuning.families(settings)?)?;
        Ok(Self::of(db))
    }

    /// Opens without changing a byte, and without a lock: to see what opening would find. `on_disk` are the families
    /// that there are: one with an older schema has fewer.
    pub(super) fn look(
        path: &Path,
        settings: &StorageSettings,
        recovery: Recovery,
        on_disk: &[String],
    ) -> Result<Self, rocksdb::Error> {
        make_flush_thread();
        let tuning = Tuning::new(settings);
        let options = tuning.database(settings, recovery)?;
        let mut families = tuning.families(settings)?;
        families.retain(|family| on_disk.iter().any(|name| name == family.name()));
        let db = DB::open_cf_descriptors_read_only(&options, path, families, false)?;
        Ok(Self::of(db))
    }

    fn of(db: DB) -> Self {
        let numbers = Numbers::learn(|family| db.cf_handle(family.name()));
        Self { db, numbers }
    }

    /// What a batch calls the families; `None` where one is missing, or the database writes batches in another way.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        self.numbers
    }

    /// The names of the families on disk.
    pub(super) fn families_on_disk(path: &Path) -> Result<Vec<String>, rocksdb::Error> {
        DB::list_cf(&Options::default(), path)
    }

    /// The database.
    pub(super) fn db(&self) -> &DB {
        &self.db
    }

    /// A family's handle; `None` only where opening did not create it.
    pub(super) fn family(&self, family: Family) -> Option<&ColumnFamily> {
        self.db.cf_handle(family.name())
    }

    /// Bytes in write buffers: what the next flushes will need on the disk.
    pub(super) fn unflushed_bytes(&self) -> u64 {
        Family::ALL
            .into_iter()
            .filter_map(|family| self.family(family))
            .filter_map(|cf| self.db.property_int_value_cf(cf, "rocksdb.cur-size-all-mem-tables").ok().flatten())
            .sum()
    }

    /// Starts writing all buffers into tables, and does not wait: the logs that they came from can go then.
    pub(super) fn flush(&self) {
        let mut options = FlushOptions::default();
        options.set_wait(false);
        for cf in Family::ALL.into_iter().filter_map(|family| self.family(family)) {
            if let Err(error) = self.db.flush_cf_opt(cf, &options) {
                log::warn!("cannot flush: {}", error.as_ref());
            }
        }
    }

    /// Flushes and compactions that failed since open. Never goes down.
    pub(super) fn background_errors(&self) -> u64 {
        self.db.property_int_value("rocksdb.background-errors").ok().flatten().unwrap_or(0)
    }

    /// Whether writes wait for flushes or compactions.
    pub(super) fn write_stopped(&self) -> bool {
        self.db.property_int_value("rocksdb.is-write-stopped").ok().flatten().unwrap_or(0) != 0
    }
}

/// Flushes and compactions at once: RocksDB has one thread for the ones and one for the others.
const BACKGROUND_JOBS: i32 = 2;

/// By how much the thread that flushes is nicer than the process. Where a core is saturated it gets a seventh of what is left and
/// not a third, so that those who wait for an answer wait less for it. With 10 it fell behind at 150,000 messages a second on one
/// core, and writes stopped; so they did not with 5. The thread that merges stays as it is: later, writes are slowed down.
#[cfg(target_os = "linux")]
const FLUSH_NICE: i32 = 5;

/// Flushes and merges write in pieces of so much, and ask before each whether they may go on.
///
/// What they may write in a period is bounded: not to spare the disk, but so that they sleep between two pieces. A thread that never sleeps
/// keeps a core that others want, too, for 4 ms at a time (a tick of the kernel's), and a merge has half of it for a second; a quarter
/// millisecond of either hardly delays a message. The bound moves by itself, between the most and a twentieth of it: 5 % up each tenth of
/// a second in which it held somebody back nearly always, and down when it did not. So a busy store merges less often, and more at once.
const PIECE_BYTES: u64 = 64 << 10;
const PIECES_PERIOD_US: i64 = 1_000;
const MOST_BYTES_A_SECOND: i64 = 1 << 30;

/// A merge goes before a flush one time in so many: writes stop when flushes fall behind, and are slowed down when merges do.
const FLUSHES_FIRST: i32 = 100;

/// Fresh tables of a family from which on they are merged: twice the default. Each time what they go into is rewritten with them, which
/// is the most that a stored message costs in the background. More of them make look-ups slower: with 16 what one of many people writes
/// cost three quarters more.
const MERGED_FROM: i32 = 8;

/// Fresh tables from which on writes are slowed down, and wait. A bound for bursts: while all is busy merges have their share of a core and
/// no more, so there come to be more tables, and the next merge takes all of them at once. With 24, writes were slowed down for no other reason.
const SLOWED_FROM: i32 = 64;
const STOPPED_FROM: i32 = 96;

/// Lets RocksDB make the thread that flushes on one with a lower priority, which it inherits: on Linux each thread has its own.
/// All databases of a process share it, and opening makes none where there is one. Best effort: without it it only competes more.
fn make_flush_thread() {
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        let made = thread::Builder::new().name("flush".into()).spawn(|| {
            #[cfg(target_os = "linux")]
            rustix::process::nice(FLUSH_NICE).map_err(|error| error.to_string())?;
            let mut pools = Env::new().map_err(rocksdb::Error::into_string)?;
            pools.set_high_priority_background_threads(BACKGROUND_JOBS / 2);
            Ok::<_, String>(())
        });
        let made = made.map_err(|error| error.to_string());
        let made = made.and_then(|thread| thread.join().unwrap_or_else(|_| Err("the thread had panicked".into())));
        if let Err(error) = made {
            log::debug!("flushes keep the usual priority: {error}");
        }
    });
}

/// Buffers of each family at the most, the full ones that wait included.
const BUFFERS: u8 = 3;

/// What each level of tables is compressed with: nothing where it has just been flushed, nor the first level that it is merged into:
/// at most [`BASE_LEVEL_BYTES`] of a family, which are rewritten with all that comes. (Of a small store that is all there is.)
const FRESH_PLAIN: [DBCompressionType; 3] = [DBCompressionType::None, DBCompressionType::None, DBCompressionType::Lz4];

/// The most that the first level below what was flushed has for long. What is flushed and not merged yet has up to 64 MiB, many times
/// that while the store is busy ([`SLOWED_FROM`]).
const BASE_LEVEL_BYTES: u64 = 64 << 20;

/// About how large a table of that level is; and by how much larger tables are of each further level, so that a store of many
/// gigabytes has a few hundred.
const BASE_TABLE_BYTES: u64 = 8 << 20;
const TABLE_GROWTH: i32 = 4;

/// More than [`Rocks::unflushed_bytes`] ever says: every family with one buffer more than it may have, since a full one
/// ends with the batch that filled it.
pub(super) fn most_unflushed(settings: &StorageSettings) -> u64 {
    let families = u64::try_from(Family::ALL.len()).unwrap_or(u64::MAX);
    let buffer = u64::try_from(settings.write_buffer_bytes.saturating_add(settings.batch_bytes)).unwrap_or(u64::MAX);
    families.saturating_mul(u64::from(BUFFERS) + 1).saturating_mul(buffer)
}

/// The cache is in so many parts (as a power of two), each with a lock and a bound of its own. A handful of threads look
/// into it: few locks do. By default 64 MiB are in 64 parts, and a block above 1 MiB is in none of them for long.
const CACHE_SHARD_BITS: i32 = 2;

/// What all families share.
struct Tuning {
    cache: Cache,
    buffers: WriteBufferManager,
}

impl Tuning {
    fn new(settings: &StorageSettings) -> Self {
        // A cache per family grows without limit. One for all, write buffers charged to it, is a bound.
        let mut lru = LruCacheOptions::default();
        lru.set_capacity(settings.cache_bytes);
        lru.set_num_shard_bits(CACHE_SHARD_BITS);
        let cache = Cache::new_lru_cache_opts(&lru);
        let all_buffers = settings.write_buffer_bytes.saturating_mul(4);
        let buffers = WriteBufferManager::new_write_buffer_manager_with_cache(all_buffers, false, cache.clone());
        Self { cache, buffers }
    }

    fn database(&self, settings: &StorageSettings, recovery: Recovery) -> Result<Options, rocksdb::Error> {
        // A log that is not the newest says nothing about its end being whole, and the high water only guards the newest:
        // so each log names its predecessor's last number and size. Only by string: the crate has no setter.
        let verify = format!("track_and_verify_wals={}", recovery == Recovery::Strict);
        let mut options = Options::default().get_options_from_string(verify)?;
        // Point in time, the default, opens silently without everything behind a flipped bit.
        options.set_wal_recovery_mode(match recovery {
            Recovery::Strict => DBRecoveryMode::TolerateCorruptedTailRecords,
            Recovery::UpToDamage => DBRecoveryMode::PointInTime,
            Recovery::AroundDamage => DBRecoveryMode::SkipAnyCorruptedRecord,
        });
        // A closed log that is missing or short is noticed even where it is the only one.
        options.set_track_and_verify_wals_in_manifest(recovery == Recovery::Strict);
        // Small tables are flushed late and would keep every log since: a restart replays no more than this.
        options
            .set_max_total_wal_size(u64::try_from(settings.write_buffer_bytes).unwrap_or(u64::MAX).saturating_mul(2));
        options.set_write_buffer_manager(&self.buffers);
        options.set_max_open_files(settings.max_open_files);
        options.set_max_background_jobs(BACKGROUND_JOBS);
        options.set_auto_tuned_ratelimiter(MOST_BYTES_A_SECOND, PIECES_PERIOD_US, FLUSHES_FIRST);
        options.set_writable_file_max_buffer_size(PIECE_BYTES);
        // The database's own log: a few small files. Statistics go to nobody.
        options.set_keep_log_file_num(4);
        options.set_max_log_file_size(1 << 20);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        // 4 MiB by default, which a small disk would miss.
        options.set_manifest_preallocation_size(64 << 10);
        // Left at their defaults on purpose: manual_wal_flush (off: with it, any error of the log is fatal),
        // recycle_log_file_num (0: old contents behind the end would look like records), no prefix extractor (a plain
        // seek over one silently returns nothing at times).
        Ok(options)
    }

    fn families(&self, settings: &StorageSettings) -> Result<Vec<ColumnFamilyDescriptor>, rocksdb::Error> {
        Family::ALL
            .into_iter()
            .map(|family| {
                let mut table = BlockBasedOptions::default();
                table.set_block_cache(&self.cache);
                table.set_cache_index_and_filter_blocks(true);
                table.set_pin_l0_filter_and_index_blocks_in_cache(true);
                if family != Family::State {
                    // Read in order, and compressed better and with less work in larger blocks.
                    table.set_block_size(16 << 10);
                }
                // Indexes and filters in blocks of 4 KiB, found by a small one that stays. In one piece those of a large
                // table have about a megabyte each, which is read and summed up anew for each look-up once they do not all fit.
                table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
                table.set_pin_top_level_index_and_filter(true);
                if matches!(family, Family::State | Family::Dedup | Family::Log) {
                    // Most look-ups there are for what does not exist (is it a friend? a request? a taken name? has
                    // this message come before?), or, as an inbox's messages in the log, for what is in one table of many.
                    table.set_bloom_filter(10.0, false);
                    table.set_partition_filters(true);
                }
                // What is appended to a line goes next to what was appended last: the buffer remembers where that was, for
                // each line, and does not search from its start. This is about inserting alone, and no prefix extractor.
                // Only by string: the crate has no setter.
                let mut options = Options::default();
                if let Some(bytes) = family.line_bytes() {
                    let hint = format!("memtable_insert_with_hint_prefix_extractor=fixed:{bytes}");
                    options = options.get_options_from_string(hint)?;
                }
                options.set_block_based_table_factory(&table);
                // Whoever asks for a message has its place from an inbox: what is in no newer table is in the last level, and a filter
                // there would only say so. It stays without. Who takes a message back names a place that may have none, which costs
                // no more than one that has somebody else's. The other families are asked for much that is not there.
                options.set_optimize_filters_for_hits(family == Family::Log);
                options.set_compression_type(DBCompressionType::Lz4);
                options.set_compression_per_level(&FRESH_PLAIN);
                options.set_level_zero_file_num_compaction_trigger(MERGED_FROM);
                options.set_level_zero_slowdown_writes_trigger(SLOWED_FROM);
                options.set_level_zero_stop_writes_trigger(STOPPED_FROM);
                // What is flushed spans the keys of all who wrote. It is merged with a level that is a few times as large, not with
                // one of 256 MiB, in tables that are small there: so what few people wrote is merged with little else.
                options.set_max_bytes_for_level_base(BASE_LEVEL_BYTES);
                options.set_target_file_size_base(BASE_TABLE_BYTES);
                options.set_target_file_size_multiplier(TABLE_GROWTH);
                // Small: after a full disk the database resumes only when one of these fits.
                options.set_write_buffer_size(settings.write_buffer_bytes);
                options.set_max_write_buffer_number(BUFFERS.into());
                Ok(ColumnFamilyDescriptor::new(family.name(), options))
            })
            .collect()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::settings::ActorSettings;
    use std::fs;

    /// The nice value of a thread: the 19th field of its `stat`, the 17th behind the name in parentheses.
    fn nice(task: &Path) -> i32 {
        let stat = fs::read_to_string(task.join("stat")).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn the_thread_that_flushes_is_nicer_than_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let settings: ActorSettings = toml::from_str(include_str!("../../../settings.toml")).unwrap();
        let rocks = Rocks::open(folder.path(), &settings.storage, Recovery::Strict).unwrap();
        rocks.db().put(b"key", b"value").unwrap();
        rocks.db().flush().unwrap();
        let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let mut theirs: Vec<_> = tasks
            // A thread of another test may be gone by now.
            .filter_map(|task| Some((fs::read_to_string(task.join("comm")).ok()?, task)))
            .filter(|(name, _)| name.starts_with("rocksdb:"))
            .map(|(name, task)| (name.trim().to_owned(), nice(&task)))
            .collect();
        theirs.sort();
        let usual = nice(Path::new("/proc/thread-self"));
        let expected = [("rocksdb:high", (usual + FLUSH_NICE).min(19)), ("rocksdb:low", usual)];
        assert_eq!(theirs, expected.map(|(name, nice)| (name.to_owned(), nice)));
    }
}
