"""A chat answer of SmolLM2 with tiered attention: examples/python/generate.py ENCODER.safetensors [QUESTION]"""

import sys

from dashkv.encoders import Encoder
from dashkv.models import load_smollm2
from dashkv.torch.attention import use

question = sys.argv[2] if len(sys.argv) > 2 else "Why is the sky blue?"
model, tokenizer = load_smollm2()
use(model, Encoder.load(sys.argv[1]), "full=5%,dense_below=0")
chat = [{"role": "user", "content": question}]
prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answer = model.generate(**prompt, max_new_tokens=200, do_sample=False)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
