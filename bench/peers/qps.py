"""Convex quadratic programs by quadprog and HiGHS.

python -m pip install numpy quadprog highspy && python qps.py < programs.json

Each line is for one solver and one group of programs. A line contains the processor time in microseconds per program,
without the set-up of the matrices. The second number counts the programs that are solved with an error of the KKT
conditions up to 1e-9.
"""

import json
import sys
import time

import highspy
import numpy as np
import quadprog

given = json.load(sys.stdin)
programs = [{name: np.array(value) for name, value in one.items()} for one in given["programs"]]


def kkt(program, x, prices, bounds):
    """Largest violation, gradient of the Lagrangian, and price of a limit that is not reached."""
    a, least = program["rows"], program["least"]
    slack = a @ x - least
    return max(
        -slack.min(),
        (-x).max(),
        (x - 1).max(),
        np.abs(program["hessian"] @ x + program["gradient"] - a.T @ prices - bounds).max(),
        np.minimum(np.abs(slack), np.abs(prices)).max(),
        np.minimum(np.minimum(np.abs(x), np.abs(x - 1)), np.abs(bounds)).max(),
    )


def by_quadprog(program):
    n = len(program["gradient"])
    normals = np.hstack([program["rows"].T, np.eye(n), -np.eye(n)])
    limits = np.concatenate([program["least"], np.zeros(n), -np.ones(n)])
    begin = time.process_time_ns()
    try:
        x, _, _, _, prices, _ = quadprog.solve_qp(program["hessian"], -program["gradient"], normals, limits)
    except ValueError:
        return time.process_time_ns() - begin, None
    spent = time.process_time_ns() - begin
    m = len(program["least"])
    return spent, kkt(program, x, prices[:m], prices[m : m + n] - prices[m + n :])


def by_highs(program):
    n, m = len(program["gradient"]), len(program["least"])
    model = highspy.HighsModel()
    lp = model.lp_
    lp.num_col_, lp.num_row_ = n, m
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program["gradient"], np.zeros(n), np.ones(n)
    lp.row_lower_, lp.row_upper_ = program["least"], np.full(m, highspy.kHighsInf)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.arange(m + 1) * n
    lp.a_matrix_.index_ = np.tile(np.arange(n), m)
    lp.a_matrix_.value_ = program["rows"].ravel()
    below = [(i, j) for j in range(n) for i in range(j, n)]
    model.hessian_.dim_ = n
    model.hessian_.format_ = highspy.HessianFormat.kTriangular
    model.hessian_.start_ = np.cumsum([0] + [n - j for j in range(n)])
    model.hessian_.index_ = np.array([i for i, _ in below])
    model.hessian_.value_ = np.array([program["hessian"][i, j] for i, j in below])
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(model)
    begin = time.process_time_ns()
    highs.run()
    spent = time.process_time_ns() - begin
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return spent, None
    solution = highs.getSolution()
    return spent, kkt(
        program, np.array(solution.col_value), np.array(solution.row_dual), np.array(solution.col_dual)
    )


for solve in (by_quadprog, by_highs):
    solve(programs[0])
    for group in given["groups"]:
        results = [solve(programs[k]) for k in group]
        solved = sum(error is not None and error <= 1e-9 for _, error in results)
        print("result", sum(spent for spent, _ in results) / len(results) / 1000, solved)
