//! Fitting weights to what became known. Pure: the same questions give the same weights to the bit.

mod lbfgs;
pub(crate) mod logit;
