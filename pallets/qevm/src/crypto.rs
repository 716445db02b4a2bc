//! stub
/// stub
pub fn warm() {}
