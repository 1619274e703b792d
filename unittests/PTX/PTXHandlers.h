//===- PTXHandlers.h - Handlers of lane-wise instructions -------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_PTXHANDLERS_H
#define DASHKV_UNITTESTS_PTX_PTXHANDLERS_H

#include "PTXDecoder.h"
#include "PTXMachine.h"

namespace ptx {

/// `Op::run` on one to three operands of one type.
template <typename Op, typename R, typename A>
void unary(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]);
  forLanes(active, [=](unsigned lane) { setLane<R>(d, lane, Op::run(getLane<A>(a, lane))); });
}
template <typename Op, typename R, typename A, typename B = A>
void binary(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]), *b = warp.row(inst.src[1]);
  forLanes(active, [=](unsigned lane) {
    setLane<R>(d, lane, Op::run(getLane<A>(a, lane), getLane<B>(b, lane)));
  });
}
template <typename Op, typename R, typename A, typename B = A, typename C = R>
void ternary(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]), *b = warp.row(inst.src[1]), *c = warp.row(inst.src[2]);
  forLanes(active, [=](unsigned lane) {
    setLane<R>(d, lane, Op::run(getLane<A>(a, lane), getLane<B>(b, lane), getLane<C>(c, lane)));
  });
}

/// Picks an instance for an integer type; `Make<T>::handler`.
template <template <typename> class Make> Handler pickInteger(Type type, bool isSigned) {
  switch (type.total()) {
  case 8:
    return isSigned ? Make<int8_t>::handler : Make<uint8_t>::handler;
  case 16:
    return isSigned ? Make<int16_t>::handler : Make<uint16_t>::handler;
  case 32:
    return isSigned ? Make<int32_t>::handler : Make<uint32_t>::handler;
  case 64:
    return isSigned ? Make<int64_t>::handler : Make<uint64_t>::handler;
  }
  return nullptr;
}

/// Takes one result and `sources` operands of `bits`, and chooses the handler.
inline bool define(Decoder &decoder, Handler handler, unsigned bits, unsigned sources,
                   Flow flow = Flow::All) {
  if (!handler)
    return decoder.fail("unknown instruction");
  decoder.inst.run = handler;
  decoder.inst.flow = flow;
  if (!decoder.dst(bits))
    return false;
  for (unsigned i = 0; i < sources; ++i)
    if (!decoder.src(bits))
      return false;
  return decoder.inst.numDst == 1 && decoder.inst.numSrc == sources
             ? true
             : decoder.fail("unknown operands");
}

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXHANDLERS_H
