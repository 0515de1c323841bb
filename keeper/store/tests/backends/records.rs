//! Decision records: written once, never changed, read only if they are what was written.

use crate::bed::{Bed, on_every_backend};
use crate::support::record_at;
use ballast_store::StoreError;
use ballast_types::{Action, B256};

on_every_backend! {
    a_record_is_stored_once_under_its_hash
    the_newest_records_come_first
    a_second_writer_is_refused_until_the_first_is_gone
    a_reader_reads_beside_the_writer_and_cannot_write
}

async fn a_record_is_stored_once_under_its_hash(bed: Bed) {
    let store = bed.open().await;
    let record = record_at(7);
    let id = store.put_decision(&record).await.unwrap();
    assert_eq!(id, record.hash().unwrap());
    let first = store.decision(id).await.unwrap().unwrap();
    assert_eq!(first.bytes, record.to_canonical().unwrap());

    assert_eq!(store.put_decision(&record).await.unwrap(), id);
    assert_eq!(store.decision(id).await.unwrap().unwrap(), first);
    assert_eq!(store.decisions(10).await.unwrap().len(), 1);
    assert_eq!(store.refusals_by_gate().await.unwrap(), [("gain".to_owned(), 1)]);
    assert_eq!(store.decision(B256::ZERO).await.unwrap(), None);
}

async fn the_newest_records_come_first(bed: Bed) {
    let store = bed.open().await;
    for block in 1..=4 {
        let mut record = record_at(block);
        if block % 2 == 0 {
            record.decision.action = Action::Hold;
        }
        store.put_decision(&record).await.unwrap();
    }
    let blocks: Vec<u64> =
        store.decisions(3).await.unwrap().iter().map(|stored| stored.record.snapshot.block.number).collect();
    assert_eq!(blocks, [4, 3, 2]);
}

// SPEC Y2
async fn a_second_writer_is_refused_until_the_first_is_gone(bed: Bed) {
    let first = bed.open().await;
    let refused = bed.try_open().await.unwrap_err();
    assert!(matches!(&refused, StoreError::Locked { location } if *location == bed.location()), "{refused}");
    first.put_decision(&record_at(1)).await.unwrap();
    first.close().await;
    bed.open().await;
}

async fn a_reader_reads_beside_the_writer_and_cannot_write(bed: Bed) {
    let writer = bed.open().await;
    let reader = bed.reader().await;
    let record = record_at(1);
    let id = writer.put_decision(&record).await.unwrap();
    assert_eq!(reader.decision(id).await.unwrap().unwrap().record, record);
    assert!(matches!(reader.put_decision(&record_at(2)).await, Err(StoreError::ReadOnly)));
    writer.close().await;
    assert!(bed.reader().await.decision(id).await.unwrap().is_some());
}
