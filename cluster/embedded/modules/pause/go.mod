module sluice/pause

go 1.26.0
