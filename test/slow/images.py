# Images from one ONNX file, with ONNX Runtime and nothing else: python images.py sampler.onnx 16 7
import sys
import numpy as np
import onnxruntime as ort

file, n, label, *given = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]
session = ort.InferenceSession(file)
inputs = {i.name: i.shape for i in session.get_inputs()}
draws, _, *size = inputs["noise"]
shape = (draws, n, *size)
feeds = {
    "noise": np.fromfile(given[0], np.float32).reshape(shape) if given else np.random.randn(*shape).astype(np.float32),
    "labels": np.full(n, label, np.int32),
    "guidance": np.full(n, 2, np.float32),
}
(images,) = session.run(None, {name: feeds[name] for name in inputs})
images.tofile("images.f32")
with open("images.pgm", "wb") as picture:
    picture.write(b"P5 %d %d 255\n" % (size[2], n * size[0] * size[1]) + np.uint8(np.round(255 * images)).tobytes())
