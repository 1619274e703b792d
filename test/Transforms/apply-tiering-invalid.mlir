// RUN: dashkv-opt %s --dashkv-apply-tiering --split-input-file --verify-diagnostics --remark-format=emitRemark --remarks-filter="dashkv.*"

// Attention that cannot be tiered stays, with a reason.

// expected-remark @below {{[Analysis] ApplyTiering | Category:dashkv | Function=tiered | tiered=1}}
func.func @tiered(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @memrefs(%q: memref<1x8x1x64xf16>, %k: memref<1x2x512x64xf16>, %o: memref<1x8x1x64xf16>) {
  // expected-remark @below {{[Missed] ApplyTiering | Category:dashkv | Function=memrefs | Remark="on-memrefs: tiering works on tensors"}}
  dashkv.attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x512x64xf16>, memref<1x2x512x64xf16>) outs(%o : memref<1x8x1x64xf16>)
  return
}

// -----

// expected-remark @below {{tiered=0}}
func.func @mask(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %mask: tensor<1x8x1x512xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  // expected-remark @below {{"mask: a mask hides which keys exist; pass lengths instead of a padding mask, and assume-nonempty-rows if every row has keys"}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) mask(%mask : tensor<1x8x1x512xf32>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

#q = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#k = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
// expected-remark @below {{tiered=0}}
func.func @layout(%q: tensor<1x2x4x1x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x2x4x1x64xf16>) -> tensor<1x2x4x1x64xf16> {
  // expected-remark @below {{"layout: the query heads of a group are a dim of their own"}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x4x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x2x4x1x64xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return %0 : tensor<1x2x4x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @dynamic_heads(%q: tensor<1x8x1x64xf16>, %k: tensor<1x?x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  // expected-remark @below {{"dynamic-size: heads and head size must be static, as the shapes of the encoders follow from them"}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x?x512x64xf16>, tensor<1x?x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @dynamic_depth(%q: tensor<1x8x1x?xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  // expected-remark @below {{"dynamic-size:}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x?xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @no_heads(%q: tensor<1x0x1x64xf16>, %k: tensor<1x0x512x64xf16>, %o: tensor<1x0x1x64xf16>) -> tensor<1x0x1x64xf16> {
  // expected-remark @below {{"no-heads: there is nothing to encode"}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x0x1x64xf16>, tensor<1x0x512x64xf16>, tensor<1x0x512x64xf16>) outs(%o : tensor<1x0x1x64xf16>)
  return %0 : tensor<1x0x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @not_causal(%q: tensor<1x8x4x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x4x64xf16>) -> tensor<1x8x4x64xf16> {
  // expected-remark @below {{"not-causal: several query rows are tiered only with causal attention, or as the at most 16 query heads of a KV head that has no others"}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x4x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x4x64xf16>)
  return %0 : tensor<1x8x4x64xf16>
}

// -----

// Of groups of rows, those that see the same keys are one step: not more than 16,
// and not under a mask.
// expected-remark @below {{tiered=0}}
func.func @many_rows(%q: tensor<1x8x17x64xf16>, %k: tensor<1x8x512x64xf16>, %o: tensor<1x8x17x64xf16>) -> tensor<1x8x17x64xf16> {
  // expected-remark @below {{"not-causal:}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x17x64xf16>, tensor<1x8x512x64xf16>, tensor<1x8x512x64xf16>) outs(%o : tensor<1x8x17x64xf16>)
  return %0 : tensor<1x8x17x64xf16>
}

// -----

#qmap = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#kmap = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#vmap = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#mmap = affine_map<(b, h, m, n, d, dv) -> (m, n)>
#omap = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
// expected-remark @below {{tiered=0}}
func.func @masked_rows(%q: tensor<1x8x4x64xf16>, %k: tensor<1x8x512x64xf16>, %mask: tensor<4x512xf32>, %o: tensor<1x8x4x64xf16>) -> tensor<1x8x4x64xf16> {
  // expected-remark @below {{"mask:}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x4x64xf16>, tensor<1x8x512x64xf16>, tensor<1x8x512x64xf16>) mask(%mask : tensor<4x512xf32>)
      outs(%o : tensor<1x8x4x64xf16>) {indexing_maps = [#qmap, #kmap, #vmap, #mmap, #omap]}
  return %0 : tensor<1x8x4x64xf16>
}

// -----

// Two heads of a wider cache: no encoder of whole keys applies.
// expected-remark @below {{tiered=0}}
func.func @part_of_rows(%q: tensor<1x8x1x64xf16>, %k: tensor<1x4x512x64xf16>, %new: tensor<1x2x1x64xf16>, %at: index, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %cache = tensor.insert_slice %new into %k[0, 0, %at, 0] [1, 2, 1, 64] [1, 1, 1, 1] : tensor<1x2x1x64xf16> into tensor<1x4x512x64xf16>
  // expected-remark @below {{"cache-update: keys are added to the cache in another form than as whole rows"}}
  %0 = dashkv.attention ins(%q, %cache, %k : tensor<1x8x1x64xf16>, tensor<1x4x512x64xf16>, tensor<1x4x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @three_parts(%q: tensor<1x8x1x64xf16>, %a: tensor<1x2x255x64xf16>, %b: tensor<1x2x256x64xf16>, %new: tensor<1x2x1x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %cache = tensor.concat dim(2) %a, %b, %new : (tensor<1x2x255x64xf16>, tensor<1x2x256x64xf16>, tensor<1x2x1x64xf16>) -> tensor<1x2x512x64xf16>
  // expected-remark @below {{"cache-update:}}
  %0 = dashkv.attention ins(%q, %cache, %cache : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Codes made in a branch cannot be returned from the function.
// expected-remark @below {{tiered=0}}
func.func @in_branch(%c: i1, %q: tensor<1x8x1x64xf16>, %k: tensor<1x2x511x64xf16>, %new: tensor<1x2x1x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %r = scf.if %c -> tensor<1x8x1x64xf16> {
    %cache = tensor.concat dim(2) %k, %new : (tensor<1x2x511x64xf16>, tensor<1x2x1x64xf16>) -> tensor<1x2x512x64xf16>
    // expected-remark @below {{"control-flow: codes or kept keys must be returned, but are made in a branch or loop"}}
    %0 = dashkv.attention ins(%q, %cache, %cache : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
    scf.yield %0 : tensor<1x8x1x64xf16>
  } else {
    scf.yield %o : tensor<1x8x1x64xf16>
  }
  return %r : tensor<1x8x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @in_blocks(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x511x64xf16>, %new: tensor<1x2x1x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %cache = tensor.concat dim(2) %k, %new : (tensor<1x2x511x64xf16>, tensor<1x2x1x64xf16>) -> tensor<1x2x512x64xf16>
  // expected-remark @below {{"control-flow:}}
  %0 = dashkv.attention ins(%q, %cache, %cache : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  cf.br ^exit
^exit:
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// expected-remark @below {{tiered=0}}
func.func @f8_keys(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x511x64xf8E4M3FN>, %new: tensor<1x2x1x64xf8E4M3FN>, %s: tensor<2xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %cache = tensor.concat dim(2) %k, %new : (tensor<1x2x511x64xf8E4M3FN>, tensor<1x2x1x64xf8E4M3FN>) -> tensor<1x2x512x64xf8E4M3FN>
  // expected-remark @below {{"element-type: keys that are made here as f8 have no encoder"}}
  %0 = dashkv.attention ins(%q, %cache, %cache : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf8E4M3FN>, tensor<1x2x512x64xf8E4M3FN>) kv_scales(%s, %s : tensor<2xf32>, tensor<2xf32>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// One of two: the other is tiered, and keeps its number.
// expected-remark @below {{tiered=1}}
func.func @one_of_two(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %mask: tensor<512xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  // expected-remark @below {{"mask:}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) mask(%mask : tensor<512xf32>) outs(%o : tensor<1x8x1x64xf16>)
      {indexing_maps = [affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>, affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>, affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>,
                        affine_map<(b, h, m, n, d, dv) -> (n)>, affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>]}
  %1 = dashkv.attention ins(%0, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %1 : tensor<1x8x1x64xf16>
}

// -----

// A caller would have to pass the new arguments.
// expected-error @below {{expected a function without callers, whose arguments can grow, but 'layer' is called}}
func.func private @layer(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}
func.func @model(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = call @layer(%q, %k, %o) : (tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16>
  return %0 : tensor<1x8x1x64xf16>
}
