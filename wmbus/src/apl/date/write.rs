//! Date and time fields of telegrams written.

use super::Date;

/// Octets of type F for a minute, with the hundred years as newer meters write them; `None` outside 1981 to 2299.
pub fn to_type_f(date: Date, hour: u8, minute: u8) -> Option<[u8; 4]> {
    let since = date.year.checked_sub(1900)?;
    let century = u8::try_from(since / 100).ok().filter(|century| *century <= 3)?;
    let year = u8::try_from(since % 100).ok()?;
    // Hundred years of 0 before 1981 would be read as 20xx.
    (century > 0 || year > 80).then_some(())?;
    type_f_octets(date, hour | century << 5, minute).filter(|_| hour < 24)
}

/// Octets of type F as older meters write them, without the hundred years; `None` outside 1981 to 2080.
pub fn to_type_f_without_century(date: Date, hour: u8, minute: u8) -> Option<[u8; 4]> {
    (1981..=2080).contains(&date.year).then_some(())?;
    type_f_octets(date, hour, minute).filter(|_| hour < 24)
}

fn type_f_octets(date: Date, hours: u8, minute: u8) -> Option<[u8; 4]> {
    let year = u8::try_from(date.year % 100).ok()?;
    let [low, high] = [date.day | year << 5, date.month | (year >> 3) << 4];
    (minute < 60).then_some([minute, hours, low, high])
}

/// Octets of type I for a second; `None` outside 2000 to 2080. Weekday and week are left open.
pub fn to_type_i(date: Date, hour: u8, minute: u8, second: u8) -> Option<[u8; 6]> {
    let [low, high] = date.to_type_g()?;
    (hour < 24 && minute < 60 && second < 60).then_some([second, minute, hour, low, high, 0])
}

/// Octets of type J; `None` for what is no time of day. An open field is "every".
pub fn to_type_j(hour: Option<u8>, minute: Option<u8>, second: Option<u8>) -> Option<[u8; 3]> {
    let field = |value: Option<u8>, every: u8, limit: u8| match value {
        None => Some(every),
        Some(value) => (value < limit).then_some(value),
    };
    Some([
        field(second, 63, 60)?,
        field(minute, 63, 60)?,
        field(hour, 31, 24)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apl::date::{Moment, type_f, type_g, type_i, type_j};
    use alloc::string::ToString;

    #[test]
    fn what_is_written_is_read() {
        let day = Date::new(2026, 11, 25).unwrap();
        assert_eq!(type_g(day.to_type_g().unwrap()), Some(Moment::Date(day)));
        assert_eq!(
            type_f(to_type_f(day, 23, 59).unwrap()).unwrap().to_string(),
            "2026-11-25T23:59"
        );
        assert_eq!(
            type_i(to_type_i(day, 7, 8, 9).unwrap()).unwrap().to_string(),
            "2026-11-25T07:08:09"
        );
        for year in 1900..=2300 {
            let day = Date { year, ..day };
            let back = |octets| match type_f(octets) {
                Some(Moment::DateTime { date, .. }) => date,
                other => panic!("{other:?}"),
            };
            let written = to_type_f(day, 1, 2);
            assert_eq!(written.is_some(), (1981..2300).contains(&year));
            assert_eq!(written.map_or(day, back), day);
            let old = to_type_f_without_century(day, 1, 2);
            assert_eq!(old.is_some(), (1981..=2080).contains(&year));
            assert_eq!(old.map_or(day, back), day);
        }
        assert_eq!(to_type_f(day, 24, 0), None);
        assert_eq!(
            to_type_j(Some(23), None, Some(1)).and_then(type_j),
            Some(Moment::Time {
                hour: Some(23),
                minute: None,
                second: Some(1)
            })
        );
        assert_eq!(to_type_j(Some(24), None, None), None);
    }
}
