"""A stand-in for the providers we call, run as a process of its own: no Django, and no database but for the
rows behind `/supabase`, so that what arrived can be read while everything else is down."""
