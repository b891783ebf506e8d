//! One weight matrix in 8-bit blocks, multiplied with inputs in 16-bit blocks.
//!
//! The same arithmetic serves single tokens and whole prompts, so a token's state does not depend on how many were passed through
//! together. A product spreads over the threads of the current rayon pool, as far as these are idle; the result does not depend
//! on their number either.

use crate::kernel::{self, BLOCK, Blocks, Coarse, Fine};

/// The rows of one tile, where a product is wanted in tiles.
const TILE_ROWS: usize = 1_024;
/// The rows below which splitting a product over threads costs more than it saves.
const SPLIT_ROWS_MIN: usize = 96;

/// A matrix whose rows are multiplied with inputs.
#[derive(Debug)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    scales: Vec<f32>,
    quants: Vec<Coarse>,
}

/// Inputs, rounded once for all matrices that they are multiplied with.
pub(crate) struct Inputs {
    count: usize,
    scales: Vec<f32>,
    quants: Vec<Fine>,
}

impl Inputs {
    /// Rows of `columns` numbers.
    pub(crate) fn round(numbers: &[f32], columns: usize) -> Self {
        let blocks = numbers.len() / BLOCK;
        let (mut scales, mut quants) = (vec![0.0; blocks], vec![[0; BLOCK]; blocks]);
        kernel::quantize_finely(numbers, &mut scales, &mut quants);
        Self { count: numbers.len() / columns, scales, quants }
    }

    /// The products with all rows of `weights`, `out[row * count + input]`, with the rows split over idle threads.
    fn products(&self, weights: Blocks<'_, Coarse>, out: &mut [f32], threads: usize) {
        let rows = weights.rows();
        if threads < 2 || rows < 2 * SPLIT_ROWS_MIN {
            let inputs = Blocks { scales: &self.scales, quants: &self.quants, row_len: weights.row_len };
            return kernel::products(weights, inputs, out);
        }
        let at = rows * (threads / 2) / threads;
        let (first, second) = weights.split_at(at);
        let (out_first, out_second) = out.split_at_mut(at * self.count);
        rayon::join(
            || self.products(first, out_first, threads / 2),
            || self.products(second, out_second, threads - threads / 2),
        );
    }
}

impl Matrix {
    /// An empty matrix of `rows` by `columns`, to be filled by [`Matrix::push`]. `columns` is a multiple of the block.
    pub(crate) fn with_capacity(rows: usize, columns: usize) -> Self {
        let blocks = rows * columns / BLOCK;
        Self { rows, columns, scales: Vec::with_capacity(blocks), quants: Vec::with_capacity(blocks) }
    }

    /// Appends rows.
    pub(crate) fn push(&mut self, numbers: &[f32]) {
        let (filled, blocks) = (self.scales.len(), numbers.len() / BLOCK);
        self.scales.resize(filled + blocks, 0.0);
        self.quants.resize(filled + blocks, [0; BLOCK]);
        kernel::quantize(numbers, &mut self.scales[filled..], &mut self.quants[filled..]);
    }

    /// The parameters in it.
    pub(crate) fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// The row `row` as numbers, into `out`.
    pub(crate) fn copy_row(&self, row: usize, out: &mut [f32]) {
        let blocks = self.columns / BLOCK;
        let range = row * blocks..(row + 1) * blocks;
        kernel::dequantize(&self.scales[range.clone()], &self.quants[range], out);
    }

    /// The product of every input with every row: `out[input * rows + row]`.
    pub(crate) fn multiply(&self, inputs: &Inputs, out: &mut [f32]) {
        let threads = rayon::current_num_threads();
        if inputs.count == 1 {
            // One input: by row and by input is the same.
            return inputs.products(self.blocks(), out, threads);
        }
        let mut by_row = vec![0.0; self.rows * inputs.count];
        inputs.products(self.blocks(), &mut by_row, threads);
        kernel::transpose(&by_row, inputs.count, out);
    }

    /// The same, a tile of rows at a time, so that the whole is never in memory: `each` gets the number of the tile's first row
    /// and `part[input * rows_of_the_tile + row]`.
    pub(crate) fn multiply_by_tiles(&self, inputs: &Inputs, mut each: impl FnMut(usize, &[f32])) {
        let size = TILE_ROWS.min(self.rows) * inputs.count;
        let (mut by_row, mut by_input) = (vec![0.0; size], vec![0.0; size]);
        let mut rest = self.blocks();
        for first in (0..self.rows).step_by(TILE_ROWS) {
            let rows = TILE_ROWS.min(self.rows - first);
            let (tile, after) = rest.split_at(rows);
            rest = after;
            let by_row = &mut by_row[..rows * inputs.count];
            let by_input = &mut by_input[..rows * inputs.count];
            inputs.products(tile, by_row, rayon::current_num_threads());
            kernel::transpose(by_row, inputs.count, by_input);
            each(first, by_input);
        }
    }

    fn blocks(&self) -> Blocks<'_, Coarse> {
        Blocks { scales: &self.scales, quants: &self.quants, row_len: self.columns / BLOCK }
    }
}
