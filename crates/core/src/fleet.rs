//! Who belongs: devices, runners as workers, and what they can do against what is needed.

pub mod device;
pub mod requirements;
pub mod worker;
