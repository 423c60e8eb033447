"""Networks: layers as a spec, and what is made of it.

layers        the spec, the source of truth: shapes, parameters
lenet5        LeNet-5 as such a spec
activity      a network over time as such a spec
model         a spec with weights, labels, preprocessing and where all that comes from
weights       models in .safetensors files
model_file    such a file named in a pipeline's spec
reference     the definition, in float64
onnx_graph    the ONNX graph
session       ONNX Runtime running it
torch_module  the torch module, for training
augmentation  images distorted, windows cut at random
training      stochastic gradient descent
"""
