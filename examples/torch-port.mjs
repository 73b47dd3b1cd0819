// @ts-check
// node examples/torch-port.mjs: a PyTorch script, ported line by line. Each line that begins with "py" is PyTorch code,
// followed by the equivalent code with antigrad.
// py: import torch; from torch import nn
import { Optimizer, sgd, step } from 'antigrad'

// py: x = torch.linspace(-1, 1, 21).unsqueeze(1)
// py: y = torch.abs(x)
const x = Float32Array.from({ length: 21 }, (_, i) => i / 10 - 1)
const y = x.map(Math.abs)

// py: model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
// py: with torch.no_grad():
// py:     model[0].weight.copy_(torch.tensor([[1.], [-1.], [.5], [-.5]]))
// py:     model[0].bias.copy_(torch.tensor([.5, .5, -.5, -.5]))
// py:     model[2].weight.copy_(torch.tensor([[.1, .2, .3, .4]]))
// py:     model[2].bias.zero_()
const model = {
  first: { weight: Float32Array.of(1, -1, 0.5, -0.5), bias: Float32Array.of(0.5, 0.5, -0.5, -0.5) },
  last: { weight: Float32Array.of(0.1, 0.2, 0.3, 0.4), bias: Float32Array.of(0) },
}

// py: biases = [p for n, p in model.named_parameters() if n.endswith('bias')]
// py: weights = [p for n, p in model.named_parameters() if n.endswith('weight')]
// py: opt = torch.optim.SGD([{'params': weights, 'weight_decay': 1e-4}, {'params': biases}],
// py:                       lr=.2, momentum=.9, nesterov=True)
// py: schedule = torch.optim.lr_scheduler.StepLR(opt, step_size=100, gamma=.5)
const lr = step(0.2, { stepSize: 100, gamma: 0.5 })
const optimizer = new Optimizer(model, sgd({ lr, momentum: 0.9, nesterov: true }), {
  groups: [{ match: '**.weight', weightDecay: 1e-4 }],
  clip: { norm: 0.5 }, // py: nn.utils.clip_grad_norm_(model.parameters(), .5)
})
const { first, last } = optimizer.params
const { grads } = optimizer
const h = new Float32Array(4)

// py: for i in range(300):
for (let i = 0; i < 300; i++) {
  // py: opt.zero_grad()
  for (const layer of Object.values(grads)) {
    layer.weight.fill(0)
    layer.bias.fill(0)
  }
  // py: loss = ((model(x) - y)**2).mean()
  // py: loss.backward()   (replaced by hand-written gradients here; jax-js or tfjs can compute them, too)
  let loss = 0
  for (let n = 0; n < x.length; n++) {
    let out = last.bias[0]
    for (let j = 0; j < 4; j++) {
      h[j] = Math.tanh(first.weight[j] * x[n] + first.bias[j])
      out += last.weight[j] * h[j]
    }
    loss += (out - y[n]) ** 2 / x.length
    const slope = (2 * (out - y[n])) / x.length
    grads.last.bias[0] += slope
    for (let j = 0; j < 4; j++) {
      const inner = slope * last.weight[j] * (1 - h[j] ** 2)
      grads.last.weight[j] += slope * h[j]
      grads.first.weight[j] += inner * x[n]
      grads.first.bias[j] += inner
    }
  }
  // py: opt.step()
  // py: schedule.step()
  optimizer.step()
  // py: if i % 100 == 99: print(i + 1, loss.item())
  if (i % 100 === 99) console.log(i + 1, loss.toFixed(6))
}
// py: print(*model[2].weight.flatten().tolist(), *model[2].bias.tolist())
console.log(...[...last.weight, ...last.bias].map((value) => value.toFixed(5)))
