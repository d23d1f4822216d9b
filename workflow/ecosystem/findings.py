"""What the verifier found wrong in the field's functions, each checked by hand.

Every finding has a reproduction in plain JAX that sets `gives` and `right`; the tests run it and
compare both with what is written here. `right` is mathematics: a closed form, or a limit from one
side where that is all there is.
"""

from workflow.ecosystem.finding import COLUMNS, Finding

NAN = float("nan")
_AT_ZERO = ("zeros",)
_AS_GIVEN = ("ordinary", "error signal 1e-8", "error signal 1e8")
_EVERYWHERE = (*COLUMNS,)
_LINALG, _SPECIAL, _STATS = "jax.numpy.linalg", "jax.scipy.special", "jax.scipy.stats"

FINDINGS = [
    Finding(
        "jax.nn.standardize",
        "four numbers near 10 000, float32",
        -8.89242e06,
        0.268330,
        "The variance is E[x²] - E[x]², the documented default. For numbers far from 0 beside "
        "their "
        "spread it is rounded to 0, and the value and the derivative are those of x / √ε. "
        "`algorithm='stable'` is right. The norms of Flax have the same default, "
        "`use_fast_variance=True`.",
        """\
x = 1e4 + jnp.arange(4.0)
gives = jax.grad(lambda x: jax.nn.standardize(x)[0])(x)[0]
z = (np.arange(4) - 1.5) / np.sqrt(1.25 + 1e-5)
right = (1 - 1 / 4 - z[0] ** 2 / 4) / np.sqrt(1.25 + 1e-5)""",
        {
            ("jax.nn", "standardize, axis -1, where"): ("ordinary", "wide inputs", "±1e4"),
            ("flax.nnx", "BatchNorm, training"): ("±40", "±1e4"),
        },
    ),
    Finding(
        "jax.numpy.logaddexp",
        "x = y = 1e8, float32",
        1.0,
        0.5,
        "The derivative is computed as exp(x - logaddexp(x, y)). The sum is rounded to the last "
        "place "
        "of x, so that the derivative loses log10 |x| digits: 0.4999 at 1e4, 1 at 1e8.",
        """\
gives = jax.grad(jnp.logaddexp)(1e8, 1e8)
right = 1 / 2  # of exp(x) / (exp(x) + exp(y))""",
        {("jax.numpy", "logaddexp"): ("±1e4",)},
    ),
    Finding(
        "jax.numpy.sinc",
        "x = 1e-4, float32",
        -0.00136304,
        -0.000328987,
        "Only x = 0 has a rule of its own. Beside it the derivative is the difference of cos πx "
        "and "
        "sinc x, both rounded to 1, divided by x.",
        """\
gives = jax.grad(jnp.sinc)(1e-4)
right = -(np.pi**2) * 1e-4 / 3  # sinc x = 1 - π²x²/6 + ...""",
        {("jax.numpy", "sinc"): ("subnormal",)},
    ),
    Finding(
        "jax.numpy.power",
        "x = 0, exponent 0",
        NAN,
        0.0,
        "x⁰ is 1 for every x, but the derivative is computed as 0 · 0⁻¹ = 0 · ∞.",
        """\
gives = jax.grad(jnp.power)(0.0, 0.0)
right = 0.0  # of the constant 1""",
        {
            ("jax.numpy", "power"): _AT_ZERO,
            ("jax.numpy", "float_power"): _AT_ZERO,
            ("jax.numpy", "power, exponent 0.0"): ("zeros", "subnormal"),
        },
    ),
    Finding(
        "jax.numpy.vander",
        "x = 0",
        NAN,
        1.0,
        "The powers are x to an array of exponents, of which one is 0: see power. The NaN of the "
        "constant column makes the whole gradient NaN.",
        """\
gives = jax.grad(lambda x: jnp.vander(x).sum())(jnp.zeros(3))[0]
right = 1.0  # of x² + x + 1 at 0""",
        {("jax.numpy", "vander"): ("zeros", "ties", "subnormal")},
    ),
    Finding(
        "jax.numpy.std",
        "a single number",
        NAN,
        0.0,
        "The square root has an infinite slope at the variance 0, and ∞ · 0 is NaN. The standard "
        "deviation of one number is 0 for every number; of several equal ones it has a kink, at "
        "which "
        "NaN is none of the slopes. `var` is right.",
        """\
gives = jax.grad(jnp.std)(jnp.array([3.0]))[0]
right = 0.0  # of the constant 0""",
        {
            ("jax.numpy", "std"): ("zeros", "axes of size 1"),
            ("jax.numpy", "nanstd"): ("zeros", "axes of size 1"),
            ("jax.numpy", "std, axis 1"): ("zeros", "axes of size 1"),
            (_STATS, "sem"): ("zeros", "equal rows", "±40", "±1e4"),
        },
    ),
    Finding(
        "jax.numpy.linalg.norm",
        "a vector of zeros",
        NAN,
        0.0,
        "The square root has an infinite slope at 0, and ∞ · 0 is NaN. The norm has a kink at 0: "
        "every vector of at most unit length is a subgradient, and 0 the shortest.",
        """\
gives = jax.grad(jnp.linalg.norm)(jnp.zeros(3))[0]
right = 0.0  # the mean of the slopes -1 and 1""",
        {
            (_LINALG, "norm"): _AT_ZERO,
            (_LINALG, "norm, ord fro"): _AT_ZERO,
            (_LINALG, "matrix_norm, ord fro"): _AT_ZERO,
            (_LINALG, "vector_norm, ord 2, axis 1"): _AT_ZERO,
            (_LINALG, "vector_norm, ord 3, axis 1"): _AT_ZERO,
            (_LINALG, "vector_norm, ord 2.5, axis 1"): _AT_ZERO,
            (_LINALG, "vector_norm, ord 0.5, axis 1"): _AT_ZERO,
        },
    ),
    Finding(
        "jax.numpy.linalg.vector_norm, ord -1",
        "[0, 0, 2]",
        NAN,
        0.0,
        "1 / (1/|a| + 1/|b| + 1/|c|) is 0 while a = b = 0, whatever c and whatever one of them is; "
        "the derivative is computed from infinities.",
        """\
gives = jax.grad(lambda x: jnp.linalg.vector_norm(x, ord=-1))(jnp.array([0.0, 0.0, 2.0]))[0]
right = 0.0  # the norm of [x, 0, 2] is 0 for every x""",
        {
            (_LINALG, "vector_norm, ord -1, axis 1"): ("zeros", "ties", "subnormal"),
            (_LINALG, "vector_norm, ord -2, axis 1"): ("zeros", "ties", "subnormal"),
        },
    ),
    Finding(
        "jax.numpy.linalg.eigh",
        "exp(A) by its eigenvalues, at A = 0",
        NAN,
        1.0,
        "The derivative of the eigenvectors divides by differences of eigenvalues. A function of "
        "the "
        "matrix is smooth where they are equal, but gets 0 / 0; where they are nearly equal, it "
        "loses "
        "all digits.",
        """\
def expm(a):
    w, v = jnp.linalg.eigh(a)
    return (v * jnp.exp(w)) @ v.T
gives = jax.grad(lambda a: expm(a)[0, 0])(jnp.zeros((2, 2)))[0, 0]
right = 1.0  # exp(A) = I + A + ...""",
        {
            (_LINALG, "eigh, exp(a + aᵀ) by its eigenvalues"): (
                "zeros",
                "ties",
                "±40",
                "subnormal",
            ),
            (
                _LINALG,
                "eigh, exp(diag(1, 1, 2) + (a + aᵀ)/2) by its eigenvalues, at a = 0",
            ): _EVERYWHERE,
        },
    ),
    Finding(
        "jax.scipy.linalg.polar, method='svd'",
        "the identity",
        NAN,
        1.0,
        "The derivative of the singular vectors divides by differences of singular values. The "
        "polar "
        "factors of a regular matrix are smooth where these are equal, but get 0 / 0.",
        """\
polar = lambda a: jax.scipy.linalg.polar(a, method="svd")
gives = jax.grad(lambda a: polar(a)[1][0, 0])(jnp.eye(2))[0, 0]
right = 1.0  # (I + E)ᵀ (I + E) = P², so P = I + (E + Eᵀ)/2 + ...""",
        {("jax.scipy.linalg", "polar, of a + 4 I"): ("zeros", "subnormal")},
    ),
    Finding(
        "jax.nn.squareplus",
        "x = 0, b = 0",
        NAN,
        0.5,
        "The square root has an infinite slope at 0. With b = 0 the function is ReLU, with the "
        "slopes "
        "0 and 1 at 0.",
        """\
gives = jax.grad(jax.nn.squareplus)(0.0, 0.0)
right = 1 / 2  # the mean of the slopes 0 and 1""",
        {("jax.nn", "squareplus, b differentiated too"): _AT_ZERO},
    ),
    Finding(
        "optax.losses.kl_divergence",
        "by the targets, one of which is 0",
        NAN,
        float("-inf"),
        "`where(t == 0, 0, log(t))` still sends a 0 through the derivative of the logarithm, and "
        "0 · ∞ is NaN. The slope of t log t at 0 is -∞; by the predictions the derivative is "
        "right.",
        """\
logs, targets = jnp.log(jnp.array([0.5, 0.5])), jnp.array([1.0, 0.0])
gives = jax.grad(optax.losses.kl_divergence, 1)(logs, targets)[1]
right = -np.inf  # t (log t - log 0.5) / t for t -> 0""",
        {
            ("optax.losses", "kl_divergence"): ("zeros", "ties", "subnormal"),
            ("optax.losses", "generalized_kl_divergence"): ("zeros", "ties", "subnormal"),
        },
    ),
    Finding(
        "jax.numpy.where",
        "sqrt(x) where x > 0, else 0, at x = -1",
        NAN,
        0.0,
        "The branch that is not taken gets the error signal 0, and 0 · NaN is NaN. A second "
        "`where` "
        "inside, which keeps x in the domain, is right. No fault of `where`, and the commonest "
        "cause "
        "of a NaN.",
        """\
gives = jax.grad(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0))(-1.0)
right = 0.0  # of the constant 0""",
        {("jax.numpy", "where, sqrt(x) where x > 0, else 0, guarded once"): _EVERYWHERE},
    ),
    Finding(
        "jax.scipy.special.spence",
        "x = 1.5",
        NAN,
        -0.810930,
        "NaN for every x in (1, 2], and 0 in place of -1 at x = 1. Elsewhere it is right.",
        """\
gives = jax.grad(jax.scipy.special.spence)(1.5)
right = np.log(1.5) / (1 - 1.5)""",
        {
            (_SPECIAL, "spence"): (*_AS_GIVEN, "ties", "equal rows", "axes of size 1"),
        },
    ),
    Finding(
        "jax.scipy.special.i0",
        "x = 0",
        1.0,
        0.0,
        "The function is exp |x| · i0e(x). At 0 the slopes of the two factors ought to cancel, but "
        "those that are taken belong to different sides.",
        """\
gives = jax.grad(jax.scipy.special.i0)(0.0)
right = 0.0  # I₀ is even and smooth""",
        {(_SPECIAL, "i0"): ("zeros", "ties", "subnormal"), ("jax.numpy", "i0"): _AT_ZERO},
    ),
    Finding(
        "jax.scipy.special.log_ndtr",
        "x = -1e5, float32",
        1.0,
        1e5,
        "The derivative is exp(log φ(x) - log Φ(x)), the difference of two numbers of the size of "
        "x²/2: 99.98 in place of 100.01 at -100, 2981 in place of 10 000 at -1e4. So do "
        "`norm.logcdf` "
        "and `norm.logsf`.",
        """\
gives = jax.grad(jax.scipy.special.log_ndtr)(-1e5)
right = 1e5  # φ(x) / Φ(x) = -x + 1/x - ... for x -> -∞""",
        {
            (_SPECIAL, "log_ndtr"): ("wide inputs", "±40", "±1e4"),
            (_STATS, "norm.logcdf"): ("wide inputs", "±40", "±1e4"),
            (_STATS, "norm.logsf"): ("wide inputs", "±40", "±1e4"),
        },
    ),
    Finding(
        "jax.scipy.special.digamma",
        "x = -9.3, float32",
        -6.23888e08,
        14.9775,
        "The derivative is polygamma(1, x), that is ζ(2, x), which JAX computes as if x were "
        "positive: "
        "wrong from about -9 on downwards, also in float64.",
        """\
gives = jax.grad(jax.scipy.special.digamma)(-9.3)
# Reflection: ψ′(x) = π² / sin²(πx) - ψ′(1 - x)
right = np.pi**2 / np.sin(np.pi * -9.3) ** 2 - sum(1 / (10.3 + np.arange(10**6)) ** 2)""",
        {(_SPECIAL, "digamma, of both signs"): ("wide inputs",)},
    ),
    Finding(
        "jax.scipy.special.boxcox",
        "x = 2, by λ, at λ = 0",
        0.0,
        0.240227,
        "Where λ = 0 another formula is taken, log x, which does not contain λ: the value is "
        "right, "
        "the derivative is 0. So does `boxcox1p`.",
        """\
gives = jax.grad(jax.scipy.special.boxcox, 1)(2.0, 0.0)
right = np.log(2) ** 2 / 2  # (x^λ - 1) / λ = log x + λ log² x / 2 + ...""",
        {
            (_SPECIAL, "boxcox"): ("zeros", "ties", "subnormal"),
            (_SPECIAL, "boxcox1p"): ("zeros", "ties", "subnormal"),
        },
    ),
    Finding(
        "jax.scipy.special.hyp1f1",
        "by a, at a = 0, b = 1, x = 2",
        0.0,
        3.68387,
        "₁F₁(0, b, x) = 1 has a case of its own, of which the derivative is taken: 0.",
        """\
gives = jax.grad(jax.scipy.special.hyp1f1)(0.0, 1.0, 2.0)
n = np.arange(1.0, 40.0)
right = sum(2**n / (n * np.cumprod(n)))  # (a)_n / a -> (n - 1)!, (1)_n = n!""",
        {(_SPECIAL, "hyp1f1"): ("ties",)},
    ),
    Finding(
        "jax.scipy.special.hyp1f1",
        "a = 1, b = 2, x = -30, by x, float32",
        -1132.02,
        0.00111111,
        "For negative x the series of the derivative alternates, and its terms are a million "
        "times as "
        "large as its sum; in float64 two digits are left at x = -40.",
        """\
gives = jax.grad(jax.scipy.special.hyp1f1, 2)(1.0, 2.0, -30.0)
right = (np.exp(-30) * -31 + 1) / 30**2  # of (exp(x) - 1) / x""",
        {
            (_SPECIAL, "hyp1f1"): (*_AS_GIVEN, "wide inputs", "±40", "±1e4"),
        },
    ),
    Finding(
        "jax.scipy.special.poch",
        "z = 0, m = 2",
        NAN,
        1.0,
        "The derivative is the function times ψ(z + m) - ψ(z), that is 0 · ∞.",
        """\
gives = jax.grad(jax.scipy.special.poch)(0.0, 2.0)
right = 1.0  # of z (z + 1) at 0""",
        {(_SPECIAL, "poch"): _AT_ZERO},
    ),
    Finding(
        "jax.scipy.special.xlogy",
        "x = 0, by y, at y = 0",
        NAN,
        0.0,
        "The value is defined as 0 for x = 0; the derivative by y is x / y = 0 / 0.",
        """\
gives = jax.grad(jax.scipy.special.xlogy, 1)(0.0, 0.0)
right = 0.0  # 0 log y is 0 for every y >= 0""",
        {(_SPECIAL, "xlogy"): _AT_ZERO, (_SPECIAL, "xlogy, x of both signs"): _AT_ZERO},
    ),
    Finding(
        "jax.scipy.stats.truncnorm.logcdf",
        "above the upper end, by that end",
        NAN,
        0.0,
        "Outside of the support the value is a constant, but NaN from the branch not taken stays "
        "in the "
        "derivative: see where.",
        """\
gives = jax.grad(jax.scipy.stats.truncnorm.logcdf, 2)(0.8, -0.5, 0.6)
right = 0.0  # log 1 = 0 for every x above the end""",
        {
            (_STATS, "truncnorm.logcdf"): ("wide inputs", "zeros", "±40", "±1e4", "subnormal"),
            (_STATS, "truncnorm.logsf"): ("wide inputs",),
        },
    ),
    Finding(
        "jax.scipy.stats.laplace.cdf",
        "x = 100, float32",
        NAN,
        0.0,
        "The branch that is not taken, exp(x) / 2, overflows, and 0 · ∞ is NaN: from 88.8 on in "
        "float32, from 709.8 on in float64.",
        """\
gives = jax.grad(jax.scipy.stats.laplace.cdf)(100.0)
right = np.float32(np.exp(-100) / 2)  # 0 in float32""",
        {(_STATS, "laplace.cdf"): ("±1e4",)},
    ),
    Finding(
        "jax.scipy.stats.gennorm.cdf",
        "x = 0, shape 1.5",
        NAN,
        0.553866,
        "The function is the incomplete gamma function of a power of the absolute value, whose "
        "derivatives at 0 are infinite and 0. The derivative is the density.",
        """\
gives = jax.grad(jax.scipy.stats.gennorm.cdf)(0.0, 1.5)
right = 1.5 / (2 * np.exp(jax.scipy.special.gammaln(1 / 1.5)))""",
        {(_STATS, "gennorm.cdf"): ("zeros", "ties")},
    ),
]
