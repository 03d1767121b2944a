//! Layouts of compact frames that were heard, so that a new run need not wait for the next full frame.

use rusqlite::{Connection, params};

use super::codes;
use crate::store::LearntLayout;

/// A building has a handful; whoever invents more pushes out the oldest.
const MOST: i64 = 1024;

/// Keeps a layout under the first second in which it was heard.
pub(super) fn put(connection: &Connection, learnt: &LearntLayout) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO layout (headers, at) VALUES (?1, ?2)
             ON CONFLICT (headers) DO UPDATE SET at = excluded.at WHERE excluded.at < at",
        )?
        .execute(params![learnt.headers, learnt.at.as_second()])?;
    connection
        .prepare_cached(
            "DELETE FROM layout WHERE headers IN
             (SELECT headers FROM layout ORDER BY at DESC, headers LIMIT -1 OFFSET ?1)",
        )?
        .execute([MOST])?;
    Ok(())
}

/// All of them, the first to come first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<LearntLayout>> {
    connection
        .prepare_cached("SELECT headers, at FROM layout ORDER BY at, headers")?
        .query_map([], |row| {
            Ok(LearntLayout {
                headers: row.get(0)?,
                at: codes::instant(row, 1)?,
            })
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::sqlite::migrate;

    #[test]
    fn each_layout_is_kept_once_under_its_first_second_and_there_are_not_too_many() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut connection).unwrap();
        let learnt = |number: u16, at: i64| LearntLayout {
            headers: number.to_be_bytes().to_vec(),
            at: Timestamp::from_second(at).unwrap(),
        };
        for (number, at) in [(7, 500), (7, 400), (7, 600)] {
            put(&connection, &learnt(number, at)).unwrap();
        }
        assert_eq!(all(&connection).unwrap(), [learnt(7, 400)]);
        for number in 1000..1000 + 1024 {
            put(&connection, &learnt(number, 1000)).unwrap();
        }
        let all = all(&connection).unwrap();
        assert_eq!(all.len(), 1024);
        assert!(!all.contains(&learnt(7, 400)));
    }
}
