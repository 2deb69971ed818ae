"""`make bench`: the figures that documents quote; `make bench-predictor` has the predictor's."""

from benchmarks import cli, cluster, exporter, judge, objects, platform, scale, simulate

for module in (cli, judge, scale, objects, platform, cluster, exporter, simulate):
    print(f"\n== {module.__name__}: {(module.__doc__ or '').partition(chr(10))[0]}")
    module.main()
