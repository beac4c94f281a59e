//! The differential fuzzer: the same random calls through this library and through the host's.
//!
//! Two processes, the twins, run the same program (`driver.c`), one of them with this library preloaded. Each
//! writes down its calls, their results and errnos, and what is mapped; the two accounts must be the same. What
//! the program may do without harm, and what makes addresses equal in both, is told in `driver.h`; the
//! documented differences stand in `calls.c`, each beside the call it is of.

mod account;
mod driver;
mod tally;
mod twins;

pub use account::Difference;
pub use driver::Driver;
pub use tally::Tally;
