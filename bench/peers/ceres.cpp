// Fits groups with shared parameters with Ceres: ceres ROWS GROUPS SOLVER THREADS < numbers
//
// The numbers are float64: t of the rows, then y group by group. Each group is one residual block with an analytic
// Jacobian. Local parameters are eliminated first. The output line contains the nanoseconds of Solve alone and including
// the construction of the problem, χ², k and q.

#include <ceres/ceres.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

/// a·exp(−k·t) + c·exp(−q·t) at the rows of a group, with local parameters a and c and shared parameters k and q.
class Group final : public ceres::CostFunction {
 public:
  Group(const double* t, const double* y, int rows) : t_(t), y_(y) {
    set_num_residuals(rows);
    mutable_parameter_block_sizes()->assign({2, 2});
  }

  bool Evaluate(double const* const* x, double* residuals, double** jacobians) const override {
    const double a = x[0][0], c = x[0][1], k = x[1][0], q = x[1][1];
    double* own = jacobians == nullptr ? nullptr : jacobians[0];
    double* shared = jacobians == nullptr ? nullptr : jacobians[1];
    for (int row = 0; row < num_residuals(); row++) {
      const double t = t_[row], fast = std::exp(-k * t), slow = std::exp(-q * t);
      residuals[row] = a * fast + c * slow - y_[row];
      if (own != nullptr) {
        own[2 * row] = fast;
        own[2 * row + 1] = slow;
      }
      if (shared != nullptr) {
        shared[2 * row] = -a * t * fast;
        shared[2 * row + 1] = -c * t * slow;
      }
    }
    return true;
  }

 private:
  const double* t_;
  const double* y_;
};

int main(int, char** given) {
  using Clock = std::chrono::steady_clock;
  const int rows = std::atoi(given[1]), groups = std::atoi(given[2]);
  const std::string solver = given[3];
  std::vector<double> t(rows), y(size_t(rows) * groups), own(2 * size_t(groups));
  if (std::fread(t.data(), 8, t.size(), stdin) != t.size()) return 1;
  if (std::fread(y.data(), 8, y.size(), stdin) != y.size()) return 1;
  double shared[] = {1, 0.2};
  for (int group = 0; group < groups; group++) {
    own[2 * group] = 4;
    own[2 * group + 1] = 1;
  }
  const auto began = Clock::now();
  ceres::Problem problem;
  auto* order = new ceres::ParameterBlockOrdering;
  for (int group = 0; group < groups; group++) {
    double* block = &own[2 * group];
    problem.AddResidualBlock(new Group(t.data(), &y[size_t(rows) * group], rows), nullptr, block, shared);
    order->AddElementToGroup(block, 0);
  }
  order->AddElementToGroup(shared, 1);
  ceres::Solver::Options options;
  options.linear_solver_type = solver == "dense"    ? ceres::DENSE_SCHUR
                               : solver == "sparse" ? ceres::SPARSE_SCHUR
                                                    : ceres::ITERATIVE_SCHUR;
  options.linear_solver_ordering.reset(order);
  options.num_threads = std::atoi(given[4]);
  options.function_tolerance = options.gradient_tolerance = options.parameter_tolerance = 1e-10;
  options.logging_type = ceres::SILENT;
  ceres::Solver::Summary summary;
  const auto made = Clock::now();
  ceres::Solve(options, &problem, &summary);
  const auto ended = Clock::now();
  const auto since = [&](Clock::time_point from) {
    return double(std::chrono::duration_cast<std::chrono::nanoseconds>(ended - from).count());
  };
  std::printf("%.0f %.0f %.17g %.17g %.17g\n", since(made), since(began), 2 * summary.final_cost, shared[0], shared[1]);
  return summary.IsSolutionUsable() ? 0 : 1;
}
