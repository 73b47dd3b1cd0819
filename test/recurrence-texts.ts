/** The recurrences of the golden data as texts. Most names of lines are the names in `recurrence-graphs.ts`. */

export const texts: Readonly<Record<string, string>> = {
  'GJR-GARCH(1,1)': `h[0] = v0; q[0] = v0; n[0] = 0.5*v0
q = r*r
n = r < 0 ? q : 0
h[t] = omega + alpha*q[t-1] + gamma*n[t-1] + beta*h[t-1]
0.5*(log(2*pi*h) + q/h)`,
  'ARCH(2)': `q[0] = v0
q = r*r
v = omega + a1*q[t-1] + a2*q[t-2]
0.5*(log(2*pi*v) + q/v)`,
  'EGARCH(1,1,1)': `l[0] = l0; a[0] = 0; z[0] = 0
l = omega + alpha*a[t-1] + gamma*z[t-1] + beta*l[t-1]
z = r*exp(-0.5*l)
a = abs(z) - sqrt(2/pi)
0.5*(log(2*pi) + l + z*z)`,
  'ARMA(2,1), conditional squares': `y[0] = 0; e[0] = 0
e = y - p1*y[t-1] - p2*y[t-2] - theta*e[t-1]
e^2`,
  'ARMA(1,1), conditional': `y[0] = 0; e[0] = 0
e = skip == 1 ? 0 : y - c - phi*y[t-1] - theta*e[t-1]
skip == 1 ? 0 : 0.5*(e^2/sigma^2 + log(2*pi*sigma^2))`,
  'self-exciting points (Hawkes)': `A[0] = 0
fall = exp(-b*gap)
before = A[t-1]*fall
A = before + a
mu*gap + A[t-1]*(1 - fall)/b - log(mu + before)`,
  'conditional durations (ACD)': `x[0] = 1; m[0] = 1
m = w + a*x[t-1] + b*m[t-1]
log(m) + x/m`,
  'local level, Nile': `m[0] = 0; P[0] = 0
F = P[t-1] + se^2
v = y - m[t-1]
k = first == 1 ? 1 : P[t-1]/F
m = first == 1 ? y : m[t-1] + k*v
P = (first == 1 ? se^2 : P[t-1]*(1 - k)) + sn^2
first == 1 ? 0 : 0.5*(log(2*pi*F) + v*v/F)`,
  'hidden Markov chain of two states': `a[0] = p10/(p01 + p10); b[0] = p01/(p01 + p10)
f = a[t-1]*exp(-0.5*((y - m0)/s0)^2)/(s0*sqrt(2*pi))
g = b[t-1]*exp(-0.5*((y - m1)/s1)^2)/(s1*sqrt(2*pi))
u = f/(f + g); w = g/(f + g)
a = u*(1 - p01) + w*p10
b = u*p01 + w*(1 - p10);
-log(f + g)`,
  'Holt-Winters, seasons of four': `l[0] = 50; T[0] = 0.4; s[0] = 4; s[-1] = -7; s[-2] = -3; s[-3] = 6
e = y - (l[t-1] + T[t-1] + s[t-4])
l = l[t-1] + T[t-1] + a*e
T = T[t-1] + b*e
s = s[t-4] + g*e
e^2`,
  'level with a penalty at the end': `l[0] = l0
e = y - l[t-1]
l = l[t-1] + (late > 0.5 ? slow : fast)*e
sum(e^2/1e4) + 0.01*(l[end] - target)^2 + 20*slow^2`,
  'logistic map': `x[0] = x0
x = r*x[t-1]*(1 - x[t-1])
(y - x[t-1])^2`,
  'Beverton-Holt with counts': `n[0] = n0
n = R*n[t-1]/(1 + n[t-1]/M)
n[t-1] - y*log(n[t-1])`,
  'leaky integrator, soft spikes': `v[0] = 0
u = leak*v[t-1] + gain*i
z = k*(u - theta)
v = u - reset/(1 + exp(-z))
max(z, 0) + log1p(exp(-abs(z))) - s*z`,
  'recurrent cell with two units': `h[0] = 0; g[0] = 0
h = tanh(b0 + a0*u + w00*h[t-1] + w01*g[t-1])
g = tanh(b1 + a1*u + w10*h[t-1] + w11*g[t-1])
(y - v0*h - v1*g)^2`,
  'Elo of four players': `r0[0] = 0; r1[0] = 0; r2[0] = 0; r3[0] = 0
z = home + w0*r0[t-1] + w1*r1[t-1] + w2*r2[t-1] + w3*r3[t-1]
p = 1/(1 + exp(-z))
r0 = r0[t-1] + K*w0*(s - p)
r1 = r1[t-1] + K*w1*(s - p)
r2 = r2[t-1] + K*w2*(s - p)
r3 = r3[t-1] + K*w3*(s - p);
s > 0.5 ? -log(p) : -log(1 - p)`,
  'soft CUSUM': `c[0] = 0
z = k*(c[t-1] + x - drift)
c = (max(z, 0) + log1p(exp(-abs(z))))/k;
(y - a*c)^2`,
}
