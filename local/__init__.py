"""The laptop platform: the same servers as a cluster's, as processes under one supervisor."""
