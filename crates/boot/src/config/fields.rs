//! The names of a struct's fields, asked of its own `Deserialize`. Must not know any struct.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

/// The keys that a table for `T` may have; none if `T` is no struct.
pub(super) fn fields<T: DeserializeOwned>() -> Vec<String> {
    let mut names: &[&str] = &[];
    let asked = T::deserialize(Asks(&mut names)).map(drop);
    debug_assert!(asked.is_err(), "nothing is made of a question");
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Gives no value: it only listens for what is wanted.
struct Asks<'n>(&'n mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asks<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a question has no answer"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}
