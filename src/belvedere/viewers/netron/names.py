"""Which files are models. Pure."""

from typing import Final

_ENDINGS: Final = (
    ".onnx", ".ort", ".pt2", ".torchscript", ".tflite", ".keras", ".h5", ".hdf5", ".mlmodel", ".mindir", ".om",
    ".pdmodel", ".caffemodel", ".gguf", ".safetensors",
)  # fmt: skip


def is_model(key: str) -> bool:
    """Whether Netron opens it by itself. Pickles of PyTorch (.pt, .pth) are mostly checkpoints by the thousand."""
    return key.lower().endswith(_ENDINGS)
