// js-pytorch: its optim.Adam on its own tensors, which are JavaScript arrays of numbers.
import { readFileSync } from 'node:fs'
import { torch } from 'js-pytorch'
import { pick, settings, values } from '../values.mjs'

const { lr, beta1, beta2, eps } = settings

export const open = () => {
  const manifest = new URL('../node_modules/js-pytorch/package.json', import.meta.url)
  return { version: JSON.parse(readFileSync(manifest, 'utf8')).version }
}

export function make(_rule, lengths) {
  // Tensors without requiresGrad keep no graph, which is less work for the library.
  const tensors = (k) => values(lengths, k).map((tensor) => new torch.Tensor(Array.from(tensor)))
  const params = tensors(0)
  const optimizer = new torch.optim.Adam(params, lr, 0, [beta1, beta2], eps)
  return {
    gradients: (k) => {
      tensors(k).forEach((tensor, i) => {
        params[i]._grad = tensor
      })
    },
    run: (count) => {
      for (let i = 0; i < count; i++) optimizer.step()
    },
    read: (indices) =>
      pick(
        params.map(({ data }) => data),
        indices,
      ),
  }
}
