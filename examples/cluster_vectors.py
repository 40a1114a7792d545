"""Cluster vectors that nobody shows: secure k-means beside scikit-learn's.

    python examples/cluster_vectors.py

`SecureKMeans` starts two computing parties and a dealer as processes on this machine. Sixty-four
data owners send one additive share of their rows to each party. No party sees a row.
"""

from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from mpc import SecureKMeans

CLUSTERS = 3


def main() -> None:
    """Fit both estimators to the wine data set, and compare them."""
    wine = load_wine()
    plain = KMeans(n_clusters=CLUSTERS, n_init=10, random_state=0)
    plain.fit(StandardScaler().fit_transform(wine.data))
    secure = SecureKMeans(CLUSTERS, standardize=True, reveal="assignments", random_state=0)
    secure.fit(wine.data)  # features are standardised under sharing

    rows, features = wine.data.shape
    print(f"wine: {rows} rows of {features} features, {CLUSTERS} clusters")
    for name, found in (("KMeans", plain), ("SecureKMeans", secure)):
        score = adjusted_rand_score(wine.target, found.labels_)
        print(f"{name:>12}: adjusted Rand index {score:.3f} with the three cultivars")
    same = adjusted_rand_score(plain.labels_, secure.labels_)
    print(f"adjusted Rand index of the two clusterings: {same:.3f}")

    traffic = secure.traffic_
    print(f"rounds of messages between the parties: {traffic.rounds_online}")
    print(f"bytes of the busiest data owner: {traffic.bytes_client_max:,}")
    print(f"bytes of the busiest party: {traffic.bytes_party_max:,}")
    print("who learned what:")
    for what in sorted({f"{entry.to}: {entry.what}" for entry in secure.ledger_}):
        print(f"  {what}")


if __name__ == "__main__":
    main()
