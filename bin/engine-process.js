// The process in which sherpa-onnx runs. A file of its own beside the command, so that it is at the same place for what
// is built and for what is not.
await import('../dist/engine/process/child.js')
