"""The XML of office files mended before it is read, so that their readers overlook nothing."""
