// Fits a·exp(−b·t) + c to one curve after another with Ceres: ceres-single ROWS CURVES < numbers
//
// The numbers are float64: t of the rows, then y curve by curve. Each curve is one residual block with an analytic
// Jacobian, and its fit ends with the covariance. The output lines contain the nanoseconds of processor time of all fits,
// then the parameters of each fit.

#include <ceres/ceres.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

class Decay final : public ceres::CostFunction {
 public:
  Decay(const double* t, const double* y, int rows) : t_(t), y_(y) {
    set_num_residuals(rows);
    mutable_parameter_block_sizes()->assign({3});
  }

  bool Evaluate(double const* const* x, double* residuals, double** jacobians) const override {
    const double a = x[0][0], b = x[0][1], c = x[0][2];
    double* slopes = jacobians == nullptr ? nullptr : jacobians[0];
    for (int row = 0; row < num_residuals(); row++) {
      const double e = std::exp(-b * t_[row]);
      residuals[row] = a * e + c - y_[row];
      if (slopes != nullptr) {
        slopes[3 * row] = e;
        slopes[3 * row + 1] = -a * t_[row] * e;
        slopes[3 * row + 2] = 1;
      }
    }
    return true;
  }

 private:
  const double* t_;
  const double* y_;
};

int main(int, char** given) {
  const int rows = std::atoi(given[1]), curves = std::atoi(given[2]);
  std::vector<double> t(rows), y(size_t(rows) * curves), found(3 * size_t(curves), 1);
  if (std::fread(t.data(), 8, t.size(), stdin) != t.size()) return 1;
  if (std::fread(y.data(), 8, y.size(), stdin) != y.size()) return 1;
  for (int curve = 0; curve < curves; curve++) found[3 * curve + 2] = 0;
  const auto began = std::clock();
  for (int curve = 0; curve < curves; curve++) {
    double* x = &found[3 * curve];
    ceres::Problem problem;
    problem.AddResidualBlock(new Decay(t.data(), &y[size_t(rows) * curve], rows), nullptr, x);
    ceres::Solver::Options options;
    options.linear_solver_type = ceres::DENSE_QR;
    options.num_threads = 1;
    options.function_tolerance = options.gradient_tolerance = options.parameter_tolerance = 1e-10;
    options.logging_type = ceres::SILENT;
    ceres::Solver::Summary summary;
    ceres::Solve(options, &problem, &summary);
    if (!summary.IsSolutionUsable()) return 1;
    ceres::Covariance::Options how;
    how.num_threads = 1;
    ceres::Covariance covariance(how);
    const std::vector<std::pair<const double*, const double*>> wanted{{x, x}};
    double matrix[9];
    if (!covariance.Compute(wanted, &problem) || !covariance.GetCovarianceBlock(x, x, matrix)) return 1;
  }
  std::printf("%.0f\n", 1e9 * double(std::clock() - began) / CLOCKS_PER_SEC);
  for (double value : found) std::printf("%.17g ", value);
}
