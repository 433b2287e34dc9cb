// SPDX-License-Identifier: MIT
/*
 * A growing series of numbers and its median.
 */
#include <math.h>
#include <stdlib.h>

#include "series.h"

void series_add(struct series *series, double value)
{
	if (isnan(value))
		return;
	if (series->count == series->capacity) {
		size_t capacity = series->capacity ? 2 * series->capacity : 64;
		double *values =
			reallocarray(series->values, capacity, sizeof(*values));

		if (!values)
			return;
		series->values = values;
		series->capacity = capacity;
	}
	series->values[series->count++] = value;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return (a > b) - (a < b);
}

double median_of(double *values, size_t count)
{
	size_t half = count / 2;

	if (!count)
		return NAN;
	qsort(values, count, sizeof(*values), compare);
	if (count % 2)
		return values[half];
	return (values[half - 1] + values[half]) / 2;
}

double series_median(struct series *series)
{
	return median_of(series->values, series->count);
}

void series_free(struct series *series)
{
	free(series->values);
	*series = (struct series){ 0 };
}
