"""What the verifier found wrong in the field's functions, each checked by hand.

Every finding has a reproduction in plain JAX that sets `gives` and `right`; the tests run it and
compare both with what is written here. `right` is mathematics: a closed form, or a limit from one
side where that is all there is.
"""

from workflow.ecosystem.finding import COLUMNS, Finding
from workflow.ecosystem.scipy_findings import SCIPY

NAN = float("nan")
_AT_ZERO = ("zeros",)
_EVERYWHERE = (*COLUMNS,)
_LINALG = "jax.numpy.linalg"

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
            ("jax.scipy.stats", "sem"): ("zeros", "equal rows", "±40", "±1e4"),
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
            ): tuple(point for point in COLUMNS if point not in ("±40", "±1e4")),
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
    *SCIPY,
]
