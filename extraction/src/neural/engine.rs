//! Runs a network: rten with our choices made.
//!
//! Weights come as 8-bit integers with scales; rten folds them into 32-bit floats when a network is loaded, and all
//! arithmetic is done in those. Results depend on neither the number of threads nor what else runs: a product of
//! matrices is divided by rows and columns, never along its sums.

use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::thread;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use super::NeuralError;

/// One pool for all networks and all callers, with a thread for each core that this process may use. Callers wait while
/// it works, so that ten documents at once still keep no more than the cores busy.
fn pool() -> Arc<ThreadPool> {
    static POOL: OnceLock<Arc<ThreadPool>> = OnceLock::new();
    POOL.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Arc::new(ThreadPool::with_num_threads(cores))
    })
    .clone()
}

/// A loaded network.
pub(crate) struct Graph {
    name: &'static str,
    model: Model,
    pool: Arc<ThreadPool>,
}

/// What goes into a network: a shape and the numbers, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// Ids, masks, places.
    Ints(&'a [usize], &'a [i32]),
    /// Everything else.
    Floats(&'a [usize], &'a [f32]),
}

/// What comes out of a network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    pub(crate) shape: Vec<usize>,
    /// Row by row.
    pub(crate) data: Vec<f32>,
}

impl Graph {
    /// Reads an ONNX file; takes tens of milliseconds for each ten million weights.
    ///
    /// # Errors
    /// [`NeuralError::Unreadable`] when it is none, or has operators that the engine lacks.
    pub(crate) fn load(name: &'static str, file: &'static [u8]) -> Result<Self, NeuralError> {
        let model = ModelOptions::with_all_ops()
            .load_static_slice(file)
            .map_err(|error| NeuralError::Unreadable { name, reason: error.to_string() })?;
        Ok(Self { name, model, pool: pool() })
    }

    /// Runs it on `inputs`, by name, and gives the results named `outputs`, in their order.
    ///
    /// # Errors
    /// [`NeuralError::Run`] when a name or a shape does not fit the network.
    pub(crate) fn run<const N: usize>(
        &self,
        inputs: &[(&str, Input<'_>)],
        outputs: [&str; N],
    ) -> Result<[Output; N], NeuralError> {
        let inputs = inputs.iter().map(|&(name, input)| Ok((self.node(name)?, self.value(name, input)?)));
        let inputs = inputs.collect::<Result<Vec<(NodeId, ValueOrView<'_>)>, NeuralError>>()?;
        let mut nodes = Vec::with_capacity(N);
        for name in outputs {
            nodes.push(self.node(name)?);
        }
        let mut options = RunOptions::default();
        options.thread_pool = Some(self.pool.clone());
        let values = self.model.run(inputs, &nodes, Some(options)).map_err(|error| self.fault(error))?;
        let values = values.into_iter().map(|value| self.output(value)).collect::<Result<Vec<_>, _>>()?;
        values.try_into().map_err(|_| self.fault("another number of results than asked for"))
    }

    fn node(&self, name: &str) -> Result<NodeId, NeuralError> {
        self.model.find_node(name).ok_or_else(|| self.fault(format_args!("it has no {name}")))
    }

    fn value<'a>(&self, name: &str, input: Input<'a>) -> Result<ValueOrView<'a>, NeuralError> {
        let view = match input {
            Input::Ints(shape, data) => ValueView::from_shape(shape, data).map_err(|error| error.to_string()),
            Input::Floats(shape, data) => ValueView::from_shape(shape, data).map_err(|error| error.to_string()),
        };
        view.map(ValueOrView::from).map_err(|reason| self.fault(format_args!("{name}: {reason}")))
    }

    fn output(&self, value: Value) -> Result<Output, NeuralError> {
        let tensor = Tensor::<f32>::try_from(value).map_err(|error| self.fault(error))?;
        Ok(Output { shape: tensor.shape().to_vec(), data: tensor.into_data() })
    }

    fn fault(&self, reason: impl ToString) -> NeuralError {
        NeuralError::Run { name: self.name, reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ENCODER, package, word_embeddings::WIDTH};
    use super::*;

    const IDS: [i32; 16] = [101, 2198, 3044, 2003, 1037, 2450, 102, 0, 101, 1037, 2862, 2001, 2179, 1012, 102, 0];

    fn encoder() -> Graph {
        Graph::load("encoder.onnx", ENCODER).expect("`make setup` ran")
    }

    fn states(graph: &Graph) -> Output {
        let words = package().expect("`make setup` ran").words.look_up(&IDS);
        let mask = IDS.map(|id| i32::from(id != 0));
        let inputs = [("words", Input::Floats(&[2, 8, WIDTH], &words)), ("mask", Input::Ints(&[2, 8], &mask))];
        let [states] = graph.run(&inputs, ["states"]).expect("it runs");
        states
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let mut graph = encoder();
        let expected = states(&graph);
        assert_eq!(expected.shape, [2, 8, WIDTH]);
        for threads in [1, 3, 7] {
            graph.pool = Arc::new(ThreadPool::with_num_threads(threads));
            assert_eq!(states(&graph), expected, "{threads} threads");
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_names_the_network() {
        let (graph, mask) = (encoder(), [1; 4]);
        let misfits: [&[(&str, Input<'_>)]; 4] = [
            &[("mask", Input::Ints(&[1, 4], &mask))],
            &[("words", Input::Ints(&[1, 4], &mask)), ("mask", Input::Ints(&[1, 4], &mask))],
            &[("words", Input::Floats(&[1, 4, WIDTH], &[0.0; 4])), ("mask", Input::Ints(&[1, 4], &mask))],
            &[("letters", Input::Ints(&[1, 4], &mask))],
        ];
        for inputs in misfits {
            let error = graph.run(inputs, ["states"]).expect_err("it does not fit").to_string();
            assert!(error.starts_with("the network encoder.onnx cannot be run: "), "{error}");
        }
        assert!(graph.run(&[], ["nothing"]).is_err());
    }

    #[test]
    fn a_file_that_is_no_network_is_an_error() {
        for file in [&b""[..], b"\x08\x09", b"not a network at all", &ENCODER[..ENCODER.len() / 2]] {
            assert!(matches!(Graph::load("odd.onnx", file), Err(NeuralError::Unreadable { .. })));
        }
    }
}
