/**
 * Writes small ONNX files: just enough of the format (protocol buffers of fixed shape) for graphs of a few nodes. The
 * tests make their models with it, so that the real loading code runs without anybody's weights.
 */

/** Kinds of numbers in a tensor. */
const elementTypes = { float: 1, int32: 6, int64: 7 } as const

/** A tensor whose values are part of the model. */
export interface Constant {
  name: string
  type: 'float' | 'int64'
  shape: readonly number[]
  values: readonly number[]
}

/** An input or output of a graph; a string in `shape` is a size that is known only later. */
export interface Port {
  name: string
  type: keyof typeof elementTypes
  shape: readonly (number | string)[]
}

/** One operation; attributes are whole numbers or lists of them. */
export interface Operation {
  type: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes?: Readonly<Record<string, number | readonly number[]>>
}

/** A model as a value. */
export interface SmallModel {
  inputs: readonly Port[]
  outputs: readonly Port[]
  constants: readonly Constant[]
  operations: readonly Operation[]
  /** What the program that loads the model reads its sizes from. */
  metadata: Readonly<Record<string, string | number>>
}

/** The bytes of an ONNX file. */
export function onnxFile({ inputs, outputs, constants, operations, metadata }: SmallModel): Buffer {
  const graph = [
    ...operations.map((operation) => message(1, node(operation))),
    text(2, 'graph'),
    ...constants.map((constant) => message(5, tensor(constant))),
    ...inputs.map((port) => message(11, valueInfo(port))),
    ...outputs.map((port) => message(12, valueInfo(port))),
  ]
  return Buffer.concat([
    number(1, 8),
    text(2, 'diarize-stream tests'),
    message(7, graph),
    message(8, [text(1, ''), number(2, 13)]),
    ...Object.entries(metadata).map(([key, value]) => message(14, [text(1, key), text(2, String(value))])),
  ])
}

function node({ type, inputs, outputs, attributes = {} }: Operation): Buffer[] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, type),
    ...Object.entries(attributes).map(([name, value]) =>
      message(5, [
        text(1, name),
        ...(typeof value === 'number'
          ? [number(3, value), number(20, 2)]
          : [...value.map((item) => number(8, item)), number(20, 7)]),
      ]),
    ),
  ]
}

function tensor({ name, type, shape, values }: Constant): Buffer[] {
  const width = type === 'float' ? 4 : 8
  const raw = Buffer.alloc(values.length * width)
  values.forEach((value, index) => {
    if (type === 'float') raw.writeFloatLE(value, index * width)
    else raw.writeBigInt64LE(BigInt(value), index * width)
  })
  return [...shape.map((size) => number(1, size)), number(2, elementTypes[type]), text(8, name), bytes(9, raw)]
}

function valueInfo({ name, type, shape }: Port): Buffer[] {
  const dimensions = shape.map((size) => message(1, [typeof size === 'number' ? number(1, size) : text(2, size)]))
  return [text(1, name), message(2, [message(1, [number(1, elementTypes[type]), message(2, dimensions)])])]
}

/** A varint; negative numbers take ten bytes, as the format wants. */
function varint(value: number): Buffer {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128)
  return Buffer.from([...out, Number(rest)])
}

const number = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)])
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value])
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value))
const message = (field: number, parts: readonly Buffer[]): Buffer => bytes(field, Buffer.concat(parts))
