"""Networks: layers as a spec, and what is made of it.

layers        the spec, the source of truth: shapes, parameters
model         a spec with weights, labels, preprocessing and where all that comes from
weights       models in .safetensors files
reference     the definition, in float64
onnx_graph    the ONNX graph
session       ONNX Runtime running it
torch_module  the torch module, for training
training      stochastic gradient descent, augmentation
lenet5        LeNet-5
"""
